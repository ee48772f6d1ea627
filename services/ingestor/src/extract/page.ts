import type { HttpResponse } from "../http/http-client.js";

/** A record as it will be written. */
export interface ExtractedRecord {
  readonly id: string;
  /** The Kafka key. */
  readonly key: string;
  /** JSON text; byte for byte as the API sent it unless a projection made it. */
  readonly json: Buffer;
  /** The content's hash, in hex. */
  readonly hash: string;
  /** RFC 3339; undefined where the record tells none. */
  readonly eventTime: string | undefined;
  /** The value of the cursor's field, normalised so that it can be compared; undefined where there is none. */
  readonly cursor: string | undefined;
}

/** What an API sent in its list of records that cannot be one. */
export interface DeadLetter {
  /** The raw bytes. */
  readonly raw: Buffer;
  readonly hash: string;
  /** Where it was: index, line, or byte. */
  readonly place: string;
  readonly reason: string;
}

/** Some of a page's items, in the order of the answer. */
export interface ItemBatch {
  readonly records: readonly ExtractedRecord[];
  readonly deadLetters: readonly DeadLetter[];
  /** Items that a filter passed over. */
  readonly filtered: number;
  /** How many items of the page have been looked at up to the end of this batch. */
  readonly itemsDone: number;
  /** Rolling hash of the raw bytes of all items up to here: a page that is asked for again can be known again. */
  readonly rolling: string;
}

/** One page of an answer. */
export interface Page {
  /** In batches of at most about 1,000 items; memory is bounded by the largest item (ndjson, csv) or the body (json, xml). */
  readonly batches: AsyncIterable<ItemBatch>;
  /** The whole document, for pagination; only json and xml have one, and only after `batches` has been read or for both at once. */
  document(): unknown;
  /** Hash of the whole body's bytes; known once `batches` has been read to its end. */
  hash(): string;
}

/** Where reading goes on in a page of which a part was committed before a crash. */
export interface ResumeAt {
  readonly itemsDone: number;
  readonly rolling: string;
}

export type OpenPage = (response: HttpResponse, resume?: ResumeAt) => Promise<Page>;
