import type { HttpRequest } from "./http-client.js";

/** Names of headers and query parameters that carry secrets. */
const secretName = /key|token|secret|passw|auth|sig|credential|cookie|session/i;
/** Shorter ones cannot be told from ordinary text. */
const SHORTEST = 4;
const SHORTEST_BY_NAME = 8;
/** Tokens change all the time; those of long ago are not in any text any more. */
const MOST = 100;

/** Takes secrets out of texts that people will see: an API may well repeat what it was sent. */
export class Redactor {
  readonly #secrets = new Set<string>();

  add(secret: string): void {
    if (secret.length < SHORTEST) return;
    for (const form of new Set([
      secret,
      encodeURIComponent(secret),
      secret.replace(/^(?:bearer|basic|token)\s+/i, ""),
    ])) {
      if (form.length < SHORTEST) continue;
      // The newest last, so that the oldest are dropped.
      this.#secrets.delete(form);
      this.#secrets.add(form);
    }
    for (const oldest of this.#secrets) {
      if (this.#secrets.size <= MOST) break;
      this.#secrets.delete(oldest);
    }
  }

  /** What the configuration itself put into a request: its own headers, query, user and password. */
  addFrom({ url, headers }: Pick<HttpRequest, "url" | "headers">): void {
    const { searchParams, password } = new URL(url);
    for (const [name, value] of [...Object.entries(headers), ...searchParams]) {
      // By the name alone nothing is certain (`sort_key=name`): short values are most likely ordinary words.
      if (secretName.test(name) && value.length >= SHORTEST_BY_NAME) this.add(value);
    }
    if (password !== "") this.add(decodeURIComponent(password));
  }

  text(text: string): string {
    let result = text;
    // Longest first: one may be part of another.
    for (const secret of [...this.#secrets].sort((a, b) => b.length - a.length)) {
      result = result.replaceAll(secret, "***");
    }
    return result;
  }
}
