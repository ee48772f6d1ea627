import type { Timestamp } from "@bufbuild/protobuf/wkt";
import {
  type FetchUnreadResponse,
  type Gap,
  GapReason,
  type Position,
} from "@apispool/contracts/apispool/v1/data_reader_pb.js";
import type { Record as DataRecord } from "@apispool/contracts/apispool/v1/record_pb.js";
import { nameOfEnum } from "./json-text.js";

/** The text of an answer to a fetch, batch by batch; nothing is kept between batches but cursor and gaps. */
export interface DataWriter {
  readonly contentType: string;
  /** The text for the next batch; empty where the batch says nothing that has to be said before the end. */
  batch(batch: FetchUnreadResponse): string;
  /** What is still to be said after the last batch. */
  end(): string;
  /** The cursor after all that was written. */
  readonly cursor: string;
}

/** `{"records":[…],"cursor":"…","gaps":[…]}`, in that order, because cursor and gaps are known last. */
export class JsonWriter implements DataWriter {
  readonly contentType = "application/json; charset=utf-8";
  readonly #gaps: Gap[] = [];
  #begun = false;
  #any = false;
  cursor = "";

  batch({ records, gaps, cursor }: FetchUnreadResponse): string {
    this.cursor = cursor;
    this.#gaps.push(...gaps);
    if (records.length === 0) return "";
    let text = this.#begun ? "" : '{"records":[';
    this.#begun = true;
    for (const record of records) {
      text += this.#any ? `,\n${recordText(record)}` : recordText(record);
      this.#any = true;
    }
    return text;
  }

  end(): string {
    const head = this.#begun ? "" : '{"records":[';
    return `${head}],"cursor":${JSON.stringify(this.cursor)},"gaps":${JSON.stringify(this.#gaps.map(gapJson))}}\n`;
  }
}

/**
 * A record a line; a gap is a line `{"gap":{…}}`. The cursor is in the HTTP trailer `Apispool-Cursor`, and only for a
 * client that acknowledges by cursor (ack=manual or ack=<cursor>) also in a last line `{"cursor":"…"}`: in the ordinary
 * case every line is a record.
 */
export class NdjsonWriter implements DataWriter {
  readonly contentType = "application/x-ndjson; charset=utf-8";
  readonly #cursorLine: boolean;
  cursor = "";

  constructor(options: { readonly cursorLine: boolean }) {
    this.#cursorLine = options.cursorLine;
  }

  batch({ records, gaps, cursor }: FetchUnreadResponse): string {
    this.cursor = cursor;
    let text = "";
    for (const gap of gaps) text += `${JSON.stringify({ gap: gapJson(gap) })}\n`;
    for (const record of records) text += `${oneLine(recordText(record))}\n`;
    return text;
  }

  end(): string {
    return this.#cursorLine ? `${JSON.stringify({ cursor: this.cursor })}\n` : "";
  }
}

/** A record as JSON text. Its own JSON is put in as it is, byte for byte: never parsed, never printed again. */
export function recordText(record: DataRecord): string {
  const { payload } = record;
  const data =
    payload.case === "json"
      ? `"data":${payload.value}`
      : payload.case === "binary"
        ? `"binary":"${Buffer.from(payload.value.buffer, payload.value.byteOffset, payload.value.byteLength).toString("base64")}"`
        : `"data":null`;
  let headers = "";
  // eslint-disable-next-line no-unreachable-loop -- asks whether there is one, without listing them
  for (const _name in record.headers) {
    headers = `"headers":${JSON.stringify(record.headers)},`;
    break;
  }
  return (
    `{"source":${JSON.stringify(record.source)},"id":${JSON.stringify(record.id)},"partition":${record.partition},` +
    `"offset":${record.offset},"ingestedAt":${timeText(record.ingestedAt)},"eventTime":${timeText(record.eventTime)},` +
    `${headers}${data}}`
  );
}

/** In valid JSON a line break can only be white space between tokens. */
function oneLine(text: string): string {
  return text.includes("\n") || text.includes("\r") ? text.replaceAll(/[\r\n]+/g, " ") : text;
}

/** The last time and its text: the records of one poll, mostly neighbours, all have the same. */
let last = { seconds: 0n, nanos: 0, text: '"1970-01-01T00:00:00.000Z"' };

function timeText(at: Timestamp | undefined): string {
  if (at === undefined) return "null";
  const { seconds, nanos } = at;
  if (seconds !== last.seconds || nanos !== last.nanos) {
    const text = `"${new Date(Number(seconds) * 1000 + Math.floor(nanos / 1_000_000)).toISOString()}"`;
    last = { seconds, nanos, text };
  }
  return last.text;
}

function gapJson(gap: Gap) {
  return {
    source: gap.source,
    partition: gap.partition,
    fromOffset: Number(gap.fromOffset),
    toOffset: Number(gap.toOffset),
    reason: nameOfEnum(GapReason, gap.reason),
    detail: gap.detail,
  };
}

/** A position as the JSON API gives it. */
export function positionJson({ source, partition, offset }: Position) {
  return { source, partition, offset: Number(offset) };
}
