import { PollError } from "../poll-error.js";
import type { PageSeen, PageToken } from "./paginator.js";

/** Pages in a row that were all seen before, under other tokens: two of them are no chance. */
const MOST_REPEATS = 2;

/**
 * Notices that an API's pages go round in a circle: a token that was used in this poll already, or a page that is the same
 * as the one before. Pages without items do not count as the same: where little is new, many of them may look alike.
 */
export class LoopGuard {
  readonly #tokens = new Set<string>();
  /** Hash of a page to the token that it was first seen under. */
  readonly #pages = new Map<string, string>();
  #last: { readonly token: string; readonly hash: string } | undefined;
  #repeats = 0;

  /** Throws PollError (kind "loop") where this page, or the token for the next, closes a circle. */
  check(seen: PageSeen, next: PageToken | undefined): void {
    const token = nameOf(seen.token);
    this.#tokens.add(token);
    // The first page has an address too, and a next link that leads back to it is a circle.
    if (seen.token === null) this.#tokens.add(nameOf({ url: seen.response.url }));
    if (seen.items > 0) this.#checkPage(token, seen.hash, next);
    if (next !== undefined && this.#tokens.has(nameOf(next))) {
      throw new PollError(
        `the pages go round in a circle: the page ${describe(seen.token)} names as the next one a page that was read before, ${describe(next)}`,
        { kind: "loop" },
      );
    }
  }

  #checkPage(token: string, hash: string, next: PageToken | undefined): void {
    const before = this.#pages.get(hash);
    const isRepeat = before !== undefined && before !== token;
    this.#repeats = isRepeat ? this.#repeats + 1 : 0;
    const follows = this.#last?.hash === hash && this.#last.token !== token;
    this.#last = { token, hash };
    if (before === undefined) this.#pages.set(hash, token);
    // At the end of the pages nothing goes on for ever.
    if (next === undefined || !isRepeat || (!follows && this.#repeats < MOST_REPEATS)) return;
    throw new PollError(
      `the pages go round in a circle: the page ${describeName(token)} is the same as the page ${describeName(before)} was; does the API take the parameter that asks for the next page? Set pagination to how it pages`,
      { kind: "loop" },
    );
  }
}

function nameOf(token: PageToken): string {
  return token === null ? "" : JSON.stringify(token);
}

function describe(token: PageToken): string {
  return describeName(nameOf(token));
}

function describeName(name: string): string {
  if (name === "") return "without a token (the first)";
  return withoutSecrets(JSON.parse(name) as NonNullable<PageToken>);
}

/** An address may hold a key in its query: its values are not shown. */
function withoutSecrets(token: NonNullable<PageToken>): string {
  if (!("url" in token)) return JSON.stringify(token).slice(0, 200);
  const url = new URL(token.url);
  const names = [...new Set(url.searchParams.keys())].map((name) => `${name}=…`).join("&");
  return `${url.origin}${url.pathname}${names === "" ? "" : `?${names}`}`.slice(0, 200);
}
