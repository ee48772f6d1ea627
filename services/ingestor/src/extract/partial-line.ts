import { RunningHash } from "./content-hash.js";

/** What is kept of a line that is too long: enough for a person to see what it is. */
const BEGINNING_BYTES = 64 * 1024;

export interface WholeLine {
  /** All of it, or its beginning where it is too long. */
  readonly bytes: Buffer;
  /** Hash of all of it; only for one that is too long. */
  readonly hash: string | undefined;
  readonly length: number;
}

/** A line that comes in pieces. Of one longer than is allowed only the beginning and the hash are kept. */
export class PartialLine {
  readonly #maxBytes: number;
  #pieces: Buffer[] = [];
  #kept = 0;
  #length = 0;
  #hash: RunningHash | undefined;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get length(): number {
    return this.#length;
  }

  add(piece: Buffer): void {
    this.#length += piece.length;
    if (this.#hash !== undefined) {
      this.#hash.add(piece);
    } else if (this.#length <= this.#maxBytes) {
      this.#pieces.push(piece);
      this.#kept += piece.length;
    } else {
      this.#hash = new RunningHash();
      for (const earlier of this.#pieces) this.#hash.add(earlier);
      this.#hash.add(piece);
      // A copy, so that the pieces of the body that it was cut from can go.
      const head = Buffer.concat([...this.#pieces, piece.subarray(0, BEGINNING_BYTES)]).subarray(0, BEGINNING_BYTES);
      this.#pieces = [Buffer.from(head)];
      this.#kept = head.length;
    }
  }

  /** The line, and room for the next. */
  take(): WholeLine {
    const [only] = this.#pieces;
    const bytes = this.#pieces.length === 1 && only !== undefined ? only : Buffer.concat(this.#pieces, this.#kept);
    const line = { bytes, hash: this.#hash?.value(), length: this.#length };
    this.#pieces = [];
    this.#kept = 0;
    this.#length = 0;
    this.#hash = undefined;
    return line;
  }
}
