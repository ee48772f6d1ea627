import { createHash, hash } from "node:crypto";

const HEX_CHARACTERS = 32;

/** The first 128 bits of SHA-256, in hex: an accidental collision is out of the question. */
export function contentHash(bytes: Buffer): string {
  return hash("sha256", bytes, "hex").slice(0, HEX_CHARACTERS);
}

/** The same of bytes that come one after the other, and are not kept. */
export class RunningHash {
  readonly #hash = createHash("sha256");

  add(bytes: Buffer | string): void {
    this.#hash.update(bytes);
  }

  /** Of everything so far; more may be added afterwards. */
  value(): string {
    return this.#hash.copy().digest("hex").slice(0, HEX_CHARACTERS);
  }
}
