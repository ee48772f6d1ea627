import { type Gap, GapReason, type Position } from "@apispool/contracts/apispool/v1/data_reader_pb.js";
import type { Batch } from "./batch.js";
import { nameOfEnum } from "./json-text.js";
import { RecordSplicer } from "./record-splicer.js";

/** The text of an answer to a fetch, batch by batch; nothing is kept between batches but cursor and gaps. */
export interface DataWriter {
  /** The text for the next batch, as UTF-8; empty where the batch says nothing that has to be said before the end. */
  batch(batch: Batch): Uint8Array;
  /** What is still to be said after the last batch. */
  end(): string;
  /** The cursor after all that was written. */
  readonly cursor: string;
}

/** `{"records":[…],"cursor":"…","gaps":[…]}`, in that order, because cursor and gaps are known last. */
export class JsonDataWriter implements DataWriter {
  static readonly contentType = "application/json; charset=utf-8";
  readonly #gaps: Gap[] = [];
  readonly #records = new RecordSplicer("list");
  #begun = false;
  cursor = "";

  batch(batch: Batch): Uint8Array {
    this.cursor = batch.cursor;
    this.#gaps.push(...batch.gaps);
    const head = this.#begun || !batch.hasRecords ? "" : '{"records":[';
    this.#begun ||= batch.hasRecords;
    return this.#records.batch(batch, head);
  }

  end(): string {
    const head = this.#begun ? "" : '{"records":[';
    return `${head}],"cursor":${JSON.stringify(this.cursor)},"gaps":${JSON.stringify(this.#gaps.map(gapJson))}}\n`;
  }
}

/**
 * A record a line; a gap is a line `{"gap":{…}}`. The cursor is in the HTTP trailer `Apispool-Cursor`, and only for a
 * client that acknowledges by cursor (ack=manual or ack=<cursor>) also in a last line `{"cursor":"…"}`, which on a live tail
 * stands behind each batch: in the ordinary case every line is a record.
 */
export class NdjsonDataWriter implements DataWriter {
  static readonly contentType = "application/x-ndjson; charset=utf-8";
  readonly #cursorLine: boolean;
  readonly #follow: boolean;
  readonly #records = new RecordSplicer("lines");
  cursor = "";

  constructor(options: { readonly cursorLine: boolean; readonly follow: boolean }) {
    this.#cursorLine = options.cursorLine;
    this.#follow = options.follow;
  }

  batch(batch: Batch): Uint8Array {
    this.cursor = batch.cursor;
    const gaps = batch.gaps.map((gap) => `${JSON.stringify({ gap: gapJson(gap) })}\n`);
    return this.#records.batch(batch, gaps.join(""), this.#follow && !batch.empty ? this.#cursorText() : "");
  }

  end(): string {
    return this.#follow ? "" : this.#cursorText();
  }

  #cursorText(): string {
    return this.#cursorLine ? `${JSON.stringify({ cursor: this.cursor })}\n` : "";
  }
}

/** A gap as the JSON API gives it. */
export function gapJson(gap: Gap) {
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

/** A count as the JSON API gives it: beyond 2^53 a string. */
export function countJson(count: bigint): number | string {
  return count <= Number.MAX_SAFE_INTEGER ? Number(count) : count.toString();
}
