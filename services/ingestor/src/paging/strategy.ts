import type { PagePatch, PageSeen, PageToken } from "./paginator.js";

/** One way of paging, without the care that all of them need (see create-paginator.ts). */
export interface Strategy {
  patch(token: PageToken): PagePatch;
  /** The page after; undefined at the end. */
  next(seen: PageSeen): PageToken | undefined;
}

/** What a token that is an address asks for. */
export function urlPatch(token: PageToken): PagePatch {
  return token !== null && "url" in token ? { url: token.url } : {};
}
