import type { Record as DataRecord } from "@apispool/contracts/apispool/v1/record_pb.js";
import { recordText } from "../record-text.js";

/** The most bytes of a tool's answer: what a language model reads costs, and has room for little. */
export const mostAnswerBytes = 512 * 1024;
/** What is kept for all of an answer that is no record. */
const frameBytes = 64 * 1024;
/** What a record that was cut still tells of itself, at the least. */
const leastBytes = 1024;

/**
 * Records as JSON texts, all of them together within the bound. Their headers are left out. Where they are too long, those that
 * are longer than their share are cut: `data` gives way to `dataStart`, a string with the beginning of the JSON text, and `cut`.
 * None is left out, because the cursor speaks of all of them.
 */
export function recordTexts(records: readonly DataRecord[], bound = mostAnswerBytes - frameBytes): string[] {
  const texts = records.map((record) => recordText({ ...record, headers: {} }));
  const lengths = texts.map((text) => Buffer.byteLength(text));
  if (lengths.reduce((sum, length) => sum + length, 0) <= bound) return texts;
  const share = Math.max(leastBytes, Math.floor(bound / records.length));
  return records.map((record, i) => ((lengths[i] ?? 0) <= share ? (texts[i] ?? "") : cutRecord(record, share)));
}

function cutRecord({ source, id, partition, offset, payload }: DataRecord, share: number): string {
  const whole = payload.case === "json" ? payload.value : "";
  const fullBytes = payload.case === "json" ? Buffer.byteLength(whole) : (payload.value?.length ?? 0);
  const head = { source: startOf(source, 200), id: startOf(id, 200), partition, offset: Number(offset), cut: true };
  const told = JSON.stringify({ ...head, fullBytes });
  const room = Math.max(0, share - Buffer.byteLength(told) - 20);
  // A string's text is at most six times as long as the string (RFC 8259, section 7), as UTF-8 three times.
  return JSON.stringify({ ...head, fullBytes, dataStart: startOf(whole, Math.floor(room / 6)) });
}

/** The beginning of a text, with no half of a pair at its end. */
export function startOf(text: string, most: number): string {
  const start = text.slice(0, most);
  return /[\uD800-\uDBFF]$/.test(start) ? start.slice(0, -1) : start;
}

/** The first of a list, and how many more there are. */
export function firstOf<T>(list: readonly T[], most: number): { readonly first: readonly T[]; readonly more: number } {
  return { first: list.slice(0, most), more: Math.max(0, list.length - most) };
}
