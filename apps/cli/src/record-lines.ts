import { oneLine, recordText } from "@apispool/gateway/record-text.js";
import type { FetchUnreadResponse } from "@apispool/contracts/apispool/v1/data_reader_pb.js";
import type { Record as DataRecord } from "@apispool/contracts/apispool/v1/record_pb.js";
import type { Paint } from "./colours.js";
import { printable } from "./printable.js";
import { cut, widthOf } from "./text-width.js";
import { isoTime } from "./times.js";

/** What a record looks like as a line, without its end. */
export type RecordLine = (record: DataRecord) => string;

/** The record as `GET /data` gives it; its own JSON byte for byte. */
export const jsonLine: RecordLine = (record) => oneLine(recordText(record));

/** Only what the remote API sent: its JSON, byte for byte; what is no JSON as base64, in quotes. */
export const dataLine: RecordLine = ({ payload }) => {
  if (payload.case === "json") return oneLine(payload.value);
  return payload.case === "binary" ? JSON.stringify(Buffer.from(payload.value).toString("base64")) : "null";
};

/** For people: when, where from, which, and what; on a terminal as much of it as a line holds. */
export function readableLine(paint: Paint, columns: () => number | undefined): RecordLine {
  return (record) => {
    const time = isoTime(record.ingestedAt) ?? "–";
    const [source, id, data] = [record.source, record.id, dataLine(record)].map((text) => printable(text));
    const head = `${time} ${source} ${id} `;
    const width = columns();
    const left = width === undefined ? Number.POSITIVE_INFINITY : width - widthOf(head);
    // Where a line holds not even the head the data would say nothing.
    if (width !== undefined && left < 10) return cut(`${head}${data}`, width);
    return `${paint("dim", time)} ${paint("cyan", source ?? "")} ${paint("bold", id ?? "")} ${cut(data ?? "", left)}`;
  };
}

/** The lines of a batch, each with its end. */
export function linesOf({ records }: FetchUnreadResponse, line: RecordLine): string {
  let text = "";
  for (const record of records) text += `${line(record)}\n`;
  return text;
}
