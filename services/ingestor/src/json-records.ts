import { isUtf8 } from "node:buffer";
import { createHash } from "node:crypto";
import { type JsonPath, valueAt } from "./extract/json-path.js";
import { elementSpans, spanAt } from "./extract/json-spans.js";
import { PollError } from "./poll-error.js";

/** Larger ones go to the dead letters; the topics take a little more, for key and headers. */
export const MAX_RECORD_BYTES = 8 * 1024 * 1024;
const MAX_ID_BYTES = 1024;

/** Where things are in an answer and in a record. */
export interface RecordPaths {
  readonly recordsPath?: JsonPath;
  readonly idPath?: JsonPath;
  readonly eventTimePath?: JsonPath;
}

export interface ExtractedRecord {
  readonly id: string;
  /** Byte for byte as the API sent it. A view of the whole answer. */
  readonly json: Buffer;
  /** The content's hash, in hex. */
  readonly hash: string;
  /** RFC 3339; absent where the record tells none. */
  readonly eventTime?: string;
}

/** What an API sent in its list of records that cannot be one. */
export interface DeadLetter {
  readonly json: Buffer;
  readonly hash: string;
  readonly reason: string;
}

export interface Extracted {
  /** In the order of the answer. */
  readonly records: readonly ExtractedRecord[];
  readonly deadLetters: readonly DeadLetter[];
}

/** The first 128 bits of SHA-256, in hex: an accidental collision is out of the question. */
export function contentHash(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex").slice(0, 32);
}

/** Takes an answer apart into its records. Throws {@link PollError} where it is not JSON, or has no list of records. */
export function extractRecords(body: Buffer, paths: RecordPaths): Extracted {
  const json = withoutByteOrderMark(body);
  const parsed = parseBody(json);
  const path = paths.recordsPath ?? findList(parsed);
  const list = path.length === 0 ? parsed : valueAt(parsed, path);
  const span = spanAt(json, path);
  if (!Array.isArray(list) || span === undefined) {
    throw new PollError(
      `the answer has ${list === undefined ? "nothing" : `${kindOf(list)}, not a list,`} at "${path.join(".")}"; ${hint(parsed)}`,
    );
  }
  const records: ExtractedRecord[] = [];
  const deadLetters: DeadLetter[] = [];
  for (const [i, { start, end }] of elementSpans(json, span).entries()) {
    const bytes = json.subarray(start, end);
    const hash = contentHash(bytes);
    const value: unknown = list[i];
    const id = idOf(value, bytes, hash, paths.idPath);
    if (bytes.length > MAX_RECORD_BYTES) {
      deadLetters.push({ json: bytes, hash, reason: `it has ${bytes.length} bytes; ${MAX_RECORD_BYTES} are allowed` });
    } else if ("reason" in id) {
      deadLetters.push({ json: bytes, hash, reason: id.reason });
    } else {
      const eventTime =
        paths.eventTimePath === undefined ? undefined : toEventTime(valueAt(value, paths.eventTimePath));
      records.push({ id: id.id, json: bytes, hash, ...(eventTime === undefined ? {} : { eventTime }) });
    }
  }
  return { records, deadLetters };
}

function withoutByteOrderMark(body: Buffer): Buffer {
  return body[0] === 0xef && body[1] === 0xbb && body[2] === 0xbf ? body.subarray(3) : body;
}

function parseBody(json: Buffer): unknown {
  if (!isUtf8(json)) throw new PollError("the answer is not UTF-8 text, which JSON has to be (RFC 8259)");
  const text = json.toString("utf8");
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    if (text.trim() === "") throw new PollError("the answer is empty, not JSON");
    const start = text
      .slice(0, 120)
      .replaceAll(/[\s\p{Cc}]+/gu, " ")
      .trim();
    const what = /^<(?:!doctype|html|\?xml)/i.test(start)
      ? "the answer is a web page or XML, not JSON (is it a login or an error page?)"
      : "the answer is not valid JSON (was it cut off?)";
    throw new PollError(`${what}; it begins with: ${start.slice(0, 80)}`, { cause: error });
  }
}

/** The answer itself where it is a list, else the one list in it that can hold records (GeoJSON's bbox cannot). */
function findList(parsed: unknown): JsonPath {
  if (Array.isArray(parsed)) return [];
  const lists = listsIn(parsed);
  const likely = lists.filter(([, list]) => list.every((item) => typeof item === "object" && item !== null));
  const [found, another] = likely.length > 0 ? likely : lists;
  if (found === undefined)
    throw new PollError(`the answer is ${kindOf(parsed)} without a list of records; ${hint(parsed)}`);
  if (another !== undefined) throw new PollError(`the answer has several lists; ${hint(parsed)}`);
  return [found[0]];
}

function listsIn(parsed: unknown): [string, unknown[]][] {
  if (typeof parsed !== "object" || parsed === null) return [];
  return Object.entries(parsed).filter((entry): entry is [string, unknown[]] => Array.isArray(entry[1]));
}

function hint(parsed: unknown): string {
  const lists = listsIn(parsed).map(([name]) => `"${name}"`);
  const names = typeof parsed === "object" && parsed !== null ? Object.keys(parsed).slice(0, 10) : [];
  if (lists.length > 0) return `set SOURCE_RECORDS to the one with the records: ${lists.join(", ")}`;
  return names.length > 0
    ? `set SOURCE_RECORDS to where the list is (the answer has: ${names.join(", ")})`
    : "check SOURCE_URL";
}

function kindOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "a list";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}

function idOf(
  value: unknown,
  json: Buffer,
  hash: string,
  path: JsonPath | undefined,
): { id: string } | { reason: string } {
  if (typeof value !== "object" || value === null) return { reason: `it is ${kindOf(value)}, not an object` };
  const found = valueAt(value, path ?? ["id"]);
  const id = typeof found === "string" ? found : typeof found === "number" ? numberAsSent(found, json, path) : "";
  if (id !== "" && Buffer.byteLength(id) <= MAX_ID_BYTES) return { id };
  if (path === undefined) return { id: hash };
  const where = `at "${path.join(".")}"`;
  if (id !== "") return { reason: `its id ${where} is longer than ${MAX_ID_BYTES} bytes` };
  return {
    reason:
      found === undefined ? `it has no id ${where}` : `its id ${where} is ${found === "" ? "empty" : kindOf(found)}`,
  };
}

/** JavaScript rounds integers beyond 2^53, and two ids would become one: such a number is taken as it was sent. */
function numberAsSent(value: number, json: Buffer, path: JsonPath = ["id"]): string {
  if (Number.isSafeInteger(value)) return String(value);
  const span = spanAt(json, path);
  return span === undefined ? String(value) : json.toString("utf8", span.start, span.end);
}

/** Seconds until about the year 5138, milliseconds from 1973 on. */
const SECONDS_BELOW = 1e11;
const LAST_MS = 253_402_300_799_999;
const FIRST_MS = -62_135_596_800_000;

/** Unix seconds, Unix milliseconds or a date with a year first, as RFC 3339; undefined for anything else. */
export function toEventTime(value: unknown): string | undefined {
  let ms = Number.NaN;
  if (typeof value === "number") ms = Math.abs(value) < SECONDS_BELOW ? value * 1000 : value;
  else if (typeof value === "string" && /^\d{4}-\d{2}/.test(value)) ms = Date.parse(value);
  return ms >= FIRST_MS && ms <= LAST_MS ? new Date(ms).toISOString() : undefined;
}
