import { Transform, type TransformCallback } from "node:stream";

export class TooLargeError extends Error {
  override readonly name = "TooLargeError";
}

export interface BoundedBodyOptions {
  readonly maxBytes: number;
  /** Turns whatever broke the stream into what its reader shall see. */
  readonly explain: (error: Error) => Error;
  /** The reader has enough for now: the API is not waited for. */
  readonly onFull: () => void;
  /** The reader waits for more. */
  readonly onHungry: () => void;
}

/** The end of the line: what a reader gets of an answer. Never more than allowed, and errors in words only. */
export class BoundedBody extends Transform {
  readonly #options: BoundedBodyOptions;
  #bytes = 0;

  constructor(options: BoundedBodyOptions) {
    super();
    this.#options = options;
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.#bytes += chunk.length;
    if (this.#bytes > this.#options.maxBytes) {
      done(new TooLargeError(`more than ${this.#options.maxBytes} bytes`));
      return;
    }
    if (!this.push(chunk)) this.#options.onFull();
    done();
  }

  override _read(size: number): void {
    this.#options.onHungry();
    super._read(size);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    done(error === null ? null : this.#options.explain(error));
  }
}

/** Lets so many bytes through and no more; between decoders, so that none of them can be made to work for ever. */
export class ByteLimit extends Transform {
  readonly #maxBytes: number;
  #bytes = 0;

  constructor(maxBytes: number) {
    super();
    this.#maxBytes = maxBytes;
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.#bytes += chunk.length;
    if (this.#bytes > this.#maxBytes) done(new TooLargeError(`more than ${this.#maxBytes} bytes`));
    else done(null, chunk);
  }
}
