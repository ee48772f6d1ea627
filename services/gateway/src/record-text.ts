import type { Timestamp } from "@bufbuild/protobuf/wkt";
import type { Record as DataRecord } from "@apispool/contracts/apispool/v1/record_pb.js";

/** A record as JSON text. Its own JSON is put in as it is, byte for byte: never parsed, never printed again. */
export function recordText(record: DataRecord): string {
  const { payload } = record;
  const data =
    payload.case === "json"
      ? `"data":${payload.value}`
      : payload.case === "binary"
        ? `"binary":"${Buffer.from(payload.value.buffer, payload.value.byteOffset, payload.value.byteLength).toString("base64")}"`
        : // JSON has a null of its own; this is Kafka's, by which a key is deleted from a compacted topic.
          `"data":null,"tombstone":true`;
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
export function oneLine(text: string): string {
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
