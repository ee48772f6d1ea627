import { readFile, stat } from "node:fs/promises";
import { PollError, type PollErrorKind } from "../poll-error.js";

/** A file that may be replaced while the process runs; read again only when it changed. */
export class WatchedFile {
  readonly #path: string;
  readonly #what: string;
  readonly #kind: PollErrorKind;
  #seen: { readonly stamp: string; readonly content: Buffer } | undefined;

  /** `what` names it in errors, of the given kind: "the secret file", "tls.ca". */
  constructor(path: string, what: string, kind: PollErrorKind) {
    this.#path = path;
    this.#what = what;
    this.#kind = kind;
  }

  async read(): Promise<Buffer> {
    try {
      // Asked by name every time: what rotates secrets replaces the file, or a link on the way to it.
      const { mtimeMs, ctimeMs, size, ino } = await stat(this.#path);
      const stamp = `${mtimeMs}:${ctimeMs}:${size}:${ino}`;
      if (this.#seen?.stamp !== stamp) this.#seen = { stamp, content: await readFile(this.#path) };
      return this.#seen.content;
    } catch (error) {
      const code = (error as { code?: string }).code ?? "";
      throw new PollError(`${this.#what} ${this.#path} cannot be read (${code})`, { kind: this.#kind, cause: error });
    }
  }
}
