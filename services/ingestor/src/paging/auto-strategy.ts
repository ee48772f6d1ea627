import { valueAt } from "../extract/json-path.js";
import { tokenText } from "./found-text.js";
import { nextLink } from "./link-header.js";
import { urlToken } from "./next-url.js";
import type { PageSeen, PageToken } from "./paginator.js";
import type { Strategy } from "./strategy.js";

/** Where APIs put the next page's address; it may also be an object with an `href` (HAL, JSON:API). */
const URL_PLACES = [
  ["next"],
  ["links", "next"],
  ["_links", "next"],
  ["paging", "next"],
  ["pagination", "next"],
  ["@odata.nextLink"],
  ["nextLink"],
  ["next_url"],
  ["next_page_url"],
] as const;

/** Where APIs put a token, and the query parameter that the same APIs take it in. */
const CURSOR_PLACES = [
  { path: ["next_cursor"], param: "cursor" },
  { path: ["nextCursor"], param: "cursor" },
  { path: ["meta", "next_cursor"], param: "cursor" },
  { path: ["response_metadata", "next_cursor"], param: "cursor" },
  { path: ["next_page_token"], param: "page_token" },
  { path: ["nextPageToken"], param: "pageToken" },
] as const;

const MORE_PLACES = [["has_more"], ["hasMore"], ["meta", "has_more"]] as const;

/**
 * Recognises how an API pages from what it answers: a Link header, an address in the body, a token in the body, in this
 * order. Where two places disagree nothing is guessed, and the page is the only one.
 */
export const auto: Strategy = {
  patch(token) {
    if (token === null) return {};
    if ("url" in token) return { url: token.url };
    return "cursor" in token && token.param !== undefined ? { query: { [token.param]: token.cursor } } : {};
  },
  next(seen) {
    const link = nextLink(seen.response.headers["link"]);
    if (link !== undefined) return urlToken(link, seen);
    if (MORE_PLACES.some((path) => valueAt(seen.document, path) === false)) return undefined;
    const url = oneOf(URL_PLACES.map((path) => urlAt(seen.document, path)).concat(atomNext(seen.document)));
    if (url !== undefined) return urlToken(url, seen);
    return cursorToken(seen);
  },
};

function urlAt(document: unknown, path: readonly string[]): string | undefined {
  const found = valueAt(document, path);
  const text = typeof found === "string" ? found : valueAt(found, ["href"]);
  // A bare word is a token of some kind, and no address.
  return typeof text === "string" && /^(?:https?:\/\/|[/?.])/i.test(text.trim()) ? text : undefined;
}

/** `<link rel="next" href="…"/>` of an Atom feed (RFC 5005). */
function atomNext(document: unknown): string | undefined {
  const links = valueAt(document, ["feed", "link"]);
  const next = (Array.isArray(links) ? links : [links]).find((link) => valueAt(link, ["@rel"]) === "next");
  const href = valueAt(next, ["@href"]);
  return typeof href === "string" && href !== "" ? href : undefined;
}

function cursorToken({ document }: PageSeen): PageToken | undefined {
  const found = CURSOR_PLACES.flatMap(({ path, param }) => {
    const text = tokenText(valueAt(document, path), document);
    return text === undefined ? [] : [{ cursor: text, param }];
  });
  const [token] = found;
  const agree = found.every(({ cursor, param }) => cursor === token?.cursor && param === token.param);
  return agree ? token : undefined;
}

/** The one value among those that were found; undefined where there are none or several. */
function oneOf(found: readonly (string | undefined)[]): string | undefined {
  const values = new Set(found.filter((value) => value !== undefined));
  const [value] = values;
  return values.size === 1 ? value : undefined;
}
