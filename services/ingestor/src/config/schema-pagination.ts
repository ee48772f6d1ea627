import Type, { type Static } from "typebox";
import { byType, expression, keys, scalar, text, whole } from "./schema-parts.js";

const kind = <const T extends string>(type: T, description: string) => Type.Literal(type, { description });

const common = {
  max_pages: Type.Optional(
    whole(1, 1_000_000, {
      description: "The most pages of one poll; the next poll goes on behind them.",
      default: 1000,
    }),
  ),
  stop_when: Type.Optional(
    expression({
      description: "Over the page's document: true ends the poll after this page.",
      examples: ["length(items) == `0`"],
    }),
  ),
};

export const nonePaging = keys({ type: kind("none", "One request is the whole answer."), ...common });

export const auto = keys({
  type: kind("auto", "Recognises a Link header, a next address or a cursor in the first page."),
  ...common,
});

export const linkHeader = keys({ type: kind("link_header", 'The `Link` header\'s rel="next" (RFC 8288).'), ...common });

export const nextUrl = keys({
  type: kind("next_url", "The body holds the next page's address."),
  path: expression({ description: "Where it is.", examples: ["links.next"] }),
  ...common,
});

export const cursorPaging = keys({
  type: kind("cursor", "The answer holds a cursor that the next request sends back."),
  from: Type.Union(
    [
      keys({ body: expression({ description: "Where the next cursor is in the document." }) }),
      keys({ header: text({ description: "The response header that it is in." }) }),
    ],
    { title: "{body: expression} or {header: name}", description: "Where the next cursor is." },
  ),
  into: Type.Union(
    [
      keys({ query: text({ description: "The query parameter that it goes into." }) }),
      keys({ body: text({ description: "The field of the JSON body, dots go deeper." }) }),
      keys({ header: text({ description: "The request header that it goes into." }) }),
    ],
    { title: "{query: name}, {body: field} or {header: name}", description: "Where the next request takes it." },
  ),
  has_more: Type.Optional(expression({ description: "False or null there: no further page." })),
  ...common,
});

export const pageNumber = keys({
  type: kind("page", "Pages are numbered."),
  param: Type.Optional(text({ description: "The parameter for the number.", default: "page" })),
  first: Type.Optional(whole(0, 1_000_000, { description: "The first page's number.", default: 1 })),
  size_param: Type.Optional(text({ description: "The parameter for the page's size.", examples: ["per_page"] })),
  size: Type.Optional(whole(1, 1_000_000, { description: "Items a page; a shorter page is the last." })),
  total_pages: Type.Optional(expression({ description: "Where the document tells the number of pages." })),
  ...common,
});

export const offset = keys({
  type: kind("offset", "The request says how many items to pass over."),
  param: Type.Optional(text({ description: "The parameter for the offset.", default: "offset" })),
  first: Type.Optional(
    whole(0, 1_000_000, { description: "The first item's offset; 1 where the API counts from 1.", default: 0 }),
  ),
  limit_param: Type.Optional(text({ description: "The parameter for the limit.", default: "limit" })),
  limit: Type.Optional(whole(1, 1_000_000, { description: "Items a page; a shorter page is the last.", default: 100 })),
  total: Type.Optional(expression({ description: "Where the document tells the number of items." })),
  ...common,
});

export const pagination = byType([nonePaging, auto, linkHeader, nextUrl, cursorPaging, pageNumber, offset], {
  title: "a map with a type: none, auto, link_header, next_url, cursor, page or offset",
  description: "How the answer goes on. Every page is committed on its own; pages that go in a circle are noticed.",
  default: { type: "none" },
});

export type PaginationFile = Static<typeof pagination>;

/** The high-water mark. */
export const cursor = keys(
  {
    field: expression({ description: "The field of a record whose greatest value is remembered." }),
    type: Type.Optional(
      Type.Unsafe<"time" | "number" | "string">({
        type: "string",
        enum: ["time", "number", "string"],
        title: "one of time, number, string",
        description: "How values are compared.",
        default: "time",
      }),
    ),
    initial: Type.Optional(
      scalar({ description: "Holds before the first record.", examples: ["2020-01-01T00:00:00Z"] }),
    ),
    overlap: Type.Optional(
      Type.Unsafe<string | number>({
        type: ["string", "number"],
        title: "a duration such as 5m (a time), or a number that is not negative (a number)",
        description: "How far back the next request begins, for records that arrive late.",
        default: 0,
      }),
    ),
    format: Type.Optional(
      Type.Unsafe<"rfc3339" | "unix" | "unix_ms">({
        type: "string",
        enum: ["rfc3339", "unix", "unix_ms"],
        title: "one of rfc3339, unix, unix_ms",
        description: "How times are written into requests.",
        default: "rfc3339",
      }),
    ),
  },
  {
    title: "a map such as {field: updated_at, overlap: 5m}",
    description: "Remembers how far the records have come, in the same transaction as the records.",
  },
);

export type CursorFile = Static<typeof cursor>;
