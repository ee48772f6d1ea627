import type { HttpResponse } from "../http/http-client.js";

/**
 * Which page of a poll is meant; plain JSON, kept in the state, so that a crash in page 400 of 1,000 goes on there.
 * Null is the first page.
 */
export type PageToken =
  | null
  | { readonly url: string }
  /** `param`: the query parameter that `auto` has found it belongs into. */
  | { readonly cursor: string; readonly param?: string }
  | { readonly page: number }
  | { readonly offset: number };

/** What a request changes to ask for one page. */
export interface PagePatch {
  /** Replaces the whole address (already resolved against the one before); it came out of an answer. */
  readonly url?: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  /** Set in the JSON body at these names (dots go deeper). */
  readonly body?: Readonly<Record<string, string>>;
}

/** A page that has been read. */
export interface PageSeen {
  readonly token: PageToken;
  readonly response: Pick<HttpResponse, "status" | "url" | "headers">;
  readonly document: unknown;
  /** Items in it, dead letters and filtered ones included. */
  readonly items: number;
  readonly hash: string;
}

/** One way of paging; stateless beyond one poll: the loop detection remembers this poll's pages. */
export interface Paginator {
  patch(token: PageToken): PagePatch;
  /** The page after; undefined at the end. Fails with a PollError of kind "loop" where the pages go round in a circle. */
  next(seen: PageSeen): PageToken | undefined;
}
