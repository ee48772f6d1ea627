import type { CursorConfig, ExtractConfig } from "../config/source-config.js";
import { contentHash } from "./content-hash.js";
import { cursorValue } from "./cursor-value.js";
import { toEventTime } from "./event-time.js";
import { parseExact, printJson } from "./exact-numbers.js";
import { kindOf, lookup, scalarText } from "./lookup.js";
import type { DeadLetter, ExtractedRecord } from "./page.js";
import { type ItemContent, ItemError, type RawItem } from "./raw-item.js";
import { defaultIdOf, idOf, keyOf } from "./record-id.js";

export type Made =
  | { readonly kind: "record"; readonly record: ExtractedRecord }
  | { readonly kind: "dead"; readonly deadLetter: DeadLetter }
  | { readonly kind: "filtered" };

/** Turns an item into a record, or says why it is none. Nothing that one item holds can keep the next from being read. */
export type RecordMaker = (item: RawItem) => Made;

export function recordMaker(config: ExtractConfig, cursor: CursorConfig | undefined): RecordMaker {
  return (item) => {
    try {
      const content = contentFor(item, config);
      if (config.filter !== undefined) {
        const verdict = lookup(config.filter, content.value);
        if (verdict === false || verdict === null || verdict === undefined) return { kind: "filtered" };
      }
      return { kind: "record", record: toRecord(item, content, config, cursor) };
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      return { kind: "dead", deadLetter: { raw: item.raw, hash: item.hash, place: item.place, reason } };
    }
  };
}

/** What is printed again has to be parsed with every digit of its numbers, trailing zeros included. */
function contentFor(item: RawItem, config: ExtractConfig): ItemContent {
  const content = item.read();
  if (config.project === undefined || content.json !== item.raw) return content;
  const value = parseExact(content.json.toString("utf8"));
  return { json: content.json, value, document: value };
}

function toRecord(
  item: RawItem,
  { json, value, document }: ItemContent,
  config: ExtractConfig,
  cursor: CursorConfig | undefined,
): ExtractedRecord {
  const kept = config.project === undefined ? json : projected(config.project, value, document);
  if (kept.length > config.maxRecordBytes) {
    throw new ItemError(`it has ${kept.length} bytes; ${config.maxRecordBytes} are allowed`);
  }
  // The content is what is kept: a change in what was cut away makes no new version.
  const hash = kept === item.raw ? item.hash : contentHash(kept);
  const id = config.id === undefined ? (defaultIdOf(value, document) ?? hash) : idOf(config.id, value, document);
  return {
    id,
    key: (config.key === undefined ? undefined : keyOf(config.key, value, document)) ?? id,
    json: kept,
    hash,
    eventTime: config.eventTime === undefined ? undefined : timeAt(config.eventTime, value, document),
    cursor: cursor === undefined ? undefined : cursorValue(cursor.type, lookup(cursor.field, value), document),
  };
}

function projected(project: NonNullable<ExtractConfig["project"]>, value: unknown, document: unknown): Buffer {
  const found = lookup(project, value);
  const text = found === null || found === undefined ? undefined : printJson(found, document);
  if (text === undefined) throw new ItemError(`the projection "${project.text}" makes ${kindOf(found)} of it`);
  return Buffer.from(text);
}

function timeAt(
  expression: NonNullable<ExtractConfig["eventTime"]>,
  value: unknown,
  document: unknown,
): string | undefined {
  const found = lookup(expression, value);
  return toEventTime(typeof found === "number" ? found : scalarText(found, document));
}
