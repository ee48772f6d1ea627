import { createHash, hash } from "node:crypto";

const HEX_CHARACTERS = 32;
const scratch = Buffer.alloc(2 * HEX_CHARACTERS);

/** The first 128 bits of SHA-256, in hex: an accidental collision is out of the question. */
export function contentHash(bytes: Buffer): string {
  return beginning(hash("sha256", bytes, "hex"));
}

/** Copied: V8 would keep the whole text behind a part of it, and a quarter of a million of these are remembered of a source. */
function beginning(hex: string): string {
  scratch.write(hex, "latin1");
  return scratch.toString("latin1", 0, HEX_CHARACTERS);
}

/** The same of bytes that come one after the other, and are not kept. */
export class RunningHash {
  readonly #hash = createHash("sha256");

  add(bytes: Buffer | string): void {
    this.#hash.update(bytes);
  }

  /** Of everything so far; more may be added afterwards. */
  value(): string {
    return beginning(this.#hash.copy().digest("hex"));
  }
}
