import { Readable } from "node:stream";
import type { ExtractConfig } from "../config/source-config.js";
import type { DeadLetter, ExtractedRecord, ItemBatch, Page } from "../extract/page.js";
import type { HttpResponse } from "../http/http-client.js";

const defaults: ExtractConfig = {
  format: "json",
  charset: undefined,
  records: undefined,
  id: undefined,
  eventTime: undefined,
  key: undefined,
  filter: undefined,
  project: undefined,
  csv: { delimiter: ",", header: true, columns: undefined },
  maxRecordBytes: 8 * 1024 * 1024,
};

export function extractConfig(changes: Partial<ExtractConfig> = {}): ExtractConfig {
  return { ...defaults, ...changes };
}

/** An answer whose body comes in the given pieces. */
export function answer(
  body: string | Buffer | readonly (string | Buffer)[],
  headers: Readonly<Record<string, string>> = {},
  status = 200,
): HttpResponse {
  const pieces = typeof body === "string" || Buffer.isBuffer(body) ? [body] : body;
  return {
    status,
    url: "http://api.test/data",
    headers,
    // In object mode a stream hands on every piece as it is, instead of joining those that are waiting.
    body: Readable.from(pieces.map((piece) => Buffer.from(piece))),
  };
}

/** Cuts bytes at the given places. */
export function cutAt(bytes: Buffer, places: readonly number[]): Buffer[] {
  const borders = [0, ...places.map((place) => place % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return borders.slice(1).map((end, i) => bytes.subarray(borders[i], end));
}

export interface WholePage {
  readonly batches: readonly ItemBatch[];
  readonly records: readonly ExtractedRecord[];
  readonly deadLetters: readonly DeadLetter[];
  /** The records' JSON. */
  readonly texts: readonly string[];
}

export async function readAll(page: Page): Promise<WholePage> {
  const batches: ItemBatch[] = [];
  for await (const batch of page.batches) batches.push(batch);
  const records = batches.flatMap((batch) => batch.records);
  return {
    batches,
    records,
    deadLetters: batches.flatMap((batch) => batch.deadLetters),
    texts: records.map(({ json }) => json.toString()),
  };
}
