import type { PaginationConfig } from "../config/source-config.js";
import { findIn, tokenText } from "./found-text.js";
import type { PagePatch, PageSeen } from "./paginator.js";
import type { Strategy } from "./strategy.js";

type CursorPaging = Extract<PaginationConfig, { type: "cursor" }>;

/** A token from the body or a header of one answer, sent with the next request. */
export function cursor({ from, into, hasMore }: CursorPaging): Strategy {
  return {
    patch: (token) => (token !== null && "cursor" in token ? cursorPatch(into, token.cursor) : {}),
    next(seen) {
      if (hasMore !== undefined && isFalse(findIn(seen.document, hasMore))) return undefined;
      const text = foundCursor(from, seen);
      return text === undefined ? undefined : { cursor: text };
    },
  };
}

function foundCursor(from: CursorPaging["from"], { document, response }: PageSeen): string | undefined {
  if ("header" in from) return tokenText(response.headers[from.header.toLowerCase()], document);
  return tokenText(findIn(document, from.body), document);
}

function cursorPatch(into: CursorPaging["into"], value: string): PagePatch {
  if ("query" in into) return { query: { [into.query]: value } };
  if ("body" in into) return { body: { [into.body]: value } };
  return { headers: { [into.header.toLowerCase()]: value } };
}

/** Forms and XML have only words for it. */
function isFalse(value: unknown): boolean {
  return value === null || value === false || value === "false" || value === 0 || value === "";
}
