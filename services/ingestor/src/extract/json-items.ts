import { PollError } from "../poll-error.js";
import type { ExtractConfig } from "../config/source-config.js";
import { contentHash } from "./content-hash.js";
import { parseDocument, printJson } from "./exact-numbers.js";
import { findList, recordsHint } from "./find-list.js";
import { beginning, refuseWebPage } from "./head.js";
import { type JsonPath, valueAt } from "./json-path.js";
import { elementSpans, spanAt } from "./json-spans.js";
import { kindOf } from "./lookup.js";
import type { RawItem } from "./raw-item.js";
import { spansOf } from "./value-spans.js";

export interface JsonDocument {
  readonly document: unknown;
  /** Byte for byte as they were sent, without the white space around them. May be gone through again. */
  readonly items: Iterable<RawItem>;
}

/** Takes a whole JSON body (UTF-8, no mark) apart. Throws PollError where it is not JSON, or has no records where they should be. */
export function readJson(json: Buffer, { records }: Pick<ExtractConfig, "records">): JsonDocument {
  const document = parse(json);
  const path = records === undefined ? findList(document) : records.path;
  const found =
    path === undefined ? expressionItems(json, document, records) : pathItems(json, document, path, records);
  return { document, items: { [Symbol.iterator]: () => toItems(found, document) } };
}

interface Found {
  readonly bytes: Buffer;
  readonly value: unknown;
}

function parse(json: Buffer): unknown {
  const text = json.toString("utf8");
  try {
    return parseDocument(text);
  } catch (error) {
    if (error instanceof RangeError)
      throw new PollError("the answer is JSON too deep or too large to be read", { cause: error });
    refuseWebPage(json.subarray(0, 512), "JSON");
    const what = /^\s*</.test(text) ? "is XML, not JSON (set format: xml)" : "is not valid JSON (was it cut off?)";
    throw new PollError(`the answer ${what}; it begins with: ${beginning(json.subarray(0, 512))}`, { cause: error });
  }
}

function pathItems(json: Buffer, document: unknown, path: JsonPath, records: ExtractConfig["records"]): Found[] {
  const list = path.length === 0 ? document : valueAt(document, path);
  // How many an API writes an empty list.
  if (list === null) return [];
  const span = spanAt(json, path);
  if (span === undefined || typeof list !== "object") throw notThere(list, records, document);
  if (!Array.isArray(list)) return [{ bytes: json.subarray(span.start, span.end), value: list }];
  return elementSpans(json, span).map(({ start, end }, i) => ({
    bytes: json.subarray(start, end),
    value: list[i] as unknown,
  }));
}

function expressionItems(json: Buffer, document: unknown, records: ExtractConfig["records"]): Found[] {
  const found = records?.evaluate(document);
  if (typeof found !== "object" || found === null) throw notThere(found, records, document);
  const values: readonly unknown[] = Array.isArray(found) ? found : [found];
  const spans = spansOf(json, document, values);
  return values.map((value) => {
    const span = spans.get(value);
    const bytes =
      span === undefined ? Buffer.from(printJson(value, document) ?? "null") : json.subarray(span.start, span.end);
    return { bytes, value };
  });
}

function notThere(found: unknown, records: ExtractConfig["records"], document: unknown): PollError {
  const what = found === undefined || found === null ? "nothing" : `${kindOf(found)}, not a list,`;
  return new PollError(`the answer has ${what} at "${records?.text ?? ""}"; ${recordsHint(document)}`);
}

function* toItems(found: readonly Found[], document: unknown): Generator<RawItem> {
  for (const [i, { bytes, value }] of found.entries()) {
    yield { raw: bytes, hash: contentHash(bytes), place: `index ${i}`, read: () => ({ json: bytes, value, document }) };
  }
}
