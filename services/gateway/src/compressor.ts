import {
  type BrotliCompress,
  type Gzip,
  type ZstdCompress,
  constants,
  createBrotliCompress,
  createGzip,
  createZstdCompress,
} from "node:zlib";
import type { Coding } from "./accept-encoding.js";

/**
 * Compresses an answer piece by piece; each piece comes out whole, so that whoever reads along has it at once. The windows
 * are small, because a live tail keeps its own for as long as it lives: 300 KB each, with br 700 KB.
 */
export class Compressor {
  readonly #stream: Gzip | BrotliCompress | ZstdCompress;
  readonly #flush: number;
  #out: Buffer[] = [];
  #failed: ((error: Error) => void) | undefined;

  constructor(coding: Exclude<Coding, "identity">) {
    [this.#stream, this.#flush] = streamOf(coding);
    this.#stream.on("readable", () => this.#collect());
    this.#stream.on("error", (error: Error) => this.#failed?.(error));
  }

  /** What goes on the way for these bytes. One call at a time. */
  async write(bytes: Uint8Array): Promise<readonly Buffer[]> {
    await this.#work((done) => {
      this.#stream.write(bytes);
      this.#stream.flush(this.#flush, done);
    });
    return this.#taken();
  }

  /** As {@link write}, for the last bytes. */
  async end(bytes: Uint8Array): Promise<readonly Buffer[]> {
    await this.#work((done) => {
      this.#stream.once("end", done);
      this.#stream.end(bytes);
    });
    return this.#taken();
  }

  /** Gives the memory back; to be called whatever happened. */
  close(): void {
    this.#stream.destroy();
  }

  async #work(begin: (done: () => void) => void): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#failed = reject;
      begin(resolve);
    });
  }

  #collect(): void {
    for (
      let chunk = this.#stream.read() as Buffer | null;
      chunk !== null;
      chunk = this.#stream.read() as Buffer | null
    ) {
      this.#out.push(chunk);
    }
  }

  #taken(): readonly Buffer[] {
    this.#collect();
    const out = this.#out;
    this.#out = [];
    return out;
  }
}

/** With what it takes to get everything out that has gone in. */
function streamOf(coding: Exclude<Coding, "identity">): [Gzip | BrotliCompress | ZstdCompress, number] {
  switch (coding) {
    case "gzip":
      return [createGzip({ level: 5 }), constants.Z_SYNC_FLUSH];
    case "br": {
      const params = {
        [constants.BROTLI_PARAM_QUALITY]: 4,
        [constants.BROTLI_PARAM_LGWIN]: 17,
        [constants.BROTLI_PARAM_LGBLOCK]: 16,
        [constants.BROTLI_PARAM_MODE]: constants.BROTLI_MODE_TEXT,
      };
      return [createBrotliCompress({ params }), constants.BROTLI_OPERATION_FLUSH];
    }
    case "zstd": {
      const params = {
        [constants.ZSTD_c_compressionLevel]: 3,
        [constants.ZSTD_c_windowLog]: 17,
        [constants.ZSTD_c_hashLog]: 15,
        [constants.ZSTD_c_chainLog]: 15,
      };
      return [createZstdCompress({ params }), constants.ZSTD_e_flush];
    }
  }
}
