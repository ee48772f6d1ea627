import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import type { PaginationConfig } from "../config/source-config.js";
import { parseDocument } from "../extract/exact-numbers.js";
import { expression, path } from "../testing/expressions.js";
import { createPaginator } from "./create-paginator.js";
import type { PageSeen, PageToken, Paginator } from "./paginator.js";

type Kind<T extends PaginationConfig["type"]> = Omit<Extract<PaginationConfig, { type: T }>, "maxPages" | "stopWhen">;
type AnyKind = { [T in PaginationConfig["type"]]: Kind<T> }[PaginationConfig["type"]];

const URL_1 = "https://api.test/v1/items?size=2";
let pageNumber = 0;

const paginator = (kind: AnyKind, stopWhen?: PaginationConfig["stopWhen"]): Paginator =>
  createPaginator({ maxPages: 1000, stopWhen, ...kind });

const seen = (page: Partial<PageSeen> & { json?: string; link?: string }): PageSeen => ({
  token: null,
  response: { status: 200, url: URL_1, headers: page.link === undefined ? {} : { link: page.link } },
  document: page.json === undefined ? undefined : parseDocument(page.json),
  items: 2,
  hash: String((pageNumber += 1)),
  ...page,
});

const next = (kind: AnyKind, page: Parameters<typeof seen>[0]): PageToken | undefined =>
  paginator(kind).next(seen(page));

describe("paging by links", () => {
  it("follows the Link header, relative to where the answer came from", () => {
    expect(next({ type: "link_header" }, { link: '<?page=2>; rel="next"' })).toEqual({
      url: "https://api.test/v1/items?page=2",
    });
    expect(next({ type: "link_header" }, { link: '</x#y>; rel="next"' })).toEqual({ url: "https://api.test/x" });
    expect(next({ type: "link_header" }, { link: '<?page=1>; rel="first"' })).toBeUndefined();
    expect(paginator({ type: "link_header" }).patch({ url: "https://api.test/x" })).toEqual({
      url: "https://api.test/x",
    });
    expect(paginator({ type: "link_header" }).patch(null)).toEqual({});
  });

  it("follows an address in the body, and refuses what is none", () => {
    const kind = { type: "next_url", path: path("links.next") } as const;
    expect(next(kind, { json: '{"links":{"next":"other?page=2"}}' })).toEqual({
      url: "https://api.test/v1/other?page=2",
    });
    for (const json of ['{"links":{"next":null}}', '{"links":{"next":""}}', "{}", "[]"])
      expect(next(kind, { json })).toBeUndefined();
    expect(next(kind, {})).toBeUndefined();
    expect(() => next(kind, { json: '{"links":{"next":"file:///etc/passwd"}}' })).toThrow("is not a web address");
    expect(() => next(kind, { json: '{"links":{"next":{"page":2}}}' })).toThrow(
      "should be the next page's address, and is a",
    );
  });
});

describe("paging by a cursor", () => {
  const kind = (changes: Partial<Kind<"cursor">> = {}): Kind<"cursor"> => ({
    type: "cursor",
    from: { body: path("next") },
    into: { query: "after" },
    hasMore: undefined,
    ...changes,
  });

  it("takes it from the body with every digit, or from a header, and ends where there is none", () => {
    expect(next(kind(), { json: '{"next":"abc"}' })).toEqual({ cursor: "abc" });
    expect(next(kind(), { json: '{"next":1374004777531007833}' })).toEqual({ cursor: "1374004777531007833" });
    for (const end of ["null", '""', "0", "false", "{}"])
      expect(next(kind(), { json: `{"next":${end}}` })).toBeUndefined();
    const page = { response: { status: 200, url: URL_1, headers: { "x-next": "h1" } } };
    expect(next(kind({ from: { header: "X-Next" } }), page)).toEqual({ cursor: "h1" });
    expect(next(kind({ from: { header: "x-none" } }), page)).toBeUndefined();
  });

  it("takes it from the last record, and ends where the API says that there is no more", () => {
    const stripe = kind({
      from: { body: expression("data[-1].id", ({ data }: { data: { id: string }[] }) => data.at(-1)?.id) },
      hasMore: path("has_more"),
    });
    expect(next(stripe, { json: '{"data":[{"id":"a"},{"id":"b"}],"has_more":true}' })).toEqual({ cursor: "b" });
    expect(next(stripe, { json: '{"data":[{"id":"a"},{"id":"b"}],"has_more":false}' })).toBeUndefined();
    expect(next(stripe, { json: '{"data":[{"id":"a"}]}' })).toBeUndefined();
  });

  it("puts it into the query, the body or a header", () => {
    const token = { cursor: "c" };
    expect(paginator(kind()).patch(token)).toEqual({ query: { after: "c" } });
    expect(paginator(kind({ into: { body: "variables.after" } })).patch(token)).toEqual({
      body: { "variables.after": "c" },
    });
    expect(paginator(kind({ into: { header: "X-After" } })).patch(token)).toEqual({ headers: { "x-after": "c" } });
    expect(paginator(kind()).patch(null)).toEqual({});
  });
});

describe("paging by number", () => {
  const page = (changes: Partial<Kind<"page">> = {}): Kind<"page"> => ({
    type: "page",
    param: "page",
    first: 1,
    sizeParam: "per_page",
    size: 2,
    totalPages: undefined,
    ...changes,
  });
  const offset = (total?: string, first = 0): Kind<"offset"> => ({
    type: "offset",
    param: "offset",
    first,
    limitParam: "limit",
    limit: 2,
    total: total === undefined ? undefined : path(total),
  });

  it("counts pages up to the one that is empty, not full, or the last", () => {
    expect(paginator(page()).patch(null)).toEqual({ query: { page: "1", per_page: "2" } });
    expect(paginator(page({ first: 0, size: undefined })).patch({ page: 7 })).toEqual({ query: { page: "7" } });
    expect(next(page(), { items: 2 })).toEqual({ page: 2 });
    expect(next(page({ first: 0 }), { items: 2, token: { page: 3 } })).toEqual({ page: 4 });
    expect(next(page(), { items: 1 })).toBeUndefined();
    expect(next(page(), { items: 0 })).toBeUndefined();
    expect(next(page({ size: undefined }), { items: 1 })).toEqual({ page: 2 });
    const total = page({ totalPages: path("pages") });
    expect(next(total, { items: 1, json: '{"pages":"3"}', token: { page: 2 } })).toEqual({ page: 3 });
    expect(next(total, { items: 2, json: '{"pages":3}', token: { page: 3 } })).toBeUndefined();
    expect(
      next(page({ totalPages: path("pages"), first: 0 }), { json: '{"pages":3}', token: { page: 2 } }),
    ).toBeUndefined();
    expect(next(total, { items: 1, json: "{}" })).toBeUndefined();
  });

  it("counts items up to the total, or to the page that is not full", () => {
    expect(paginator(offset()).patch(null)).toEqual({ query: { offset: "0", limit: "2" } });
    expect(paginator(offset()).patch({ offset: 40 })).toEqual({ query: { offset: "40", limit: "2" } });
    expect(next(offset(), { items: 2, token: { offset: 40 } })).toEqual({ offset: 42 });
    expect(next(offset(), { items: 1 })).toBeUndefined();
    expect(next(offset("total"), { items: 1, json: '{"total":3}' })).toEqual({ offset: 1 });
    expect(next(offset("total"), { items: 1, json: '{"total":3}', token: { offset: 2 } })).toBeUndefined();
    expect(next(offset("total"), { items: 0, json: '{"total":3}' })).toBeUndefined();
  });

  it("counts items from 1 where the API does", () => {
    expect(paginator(offset(undefined, 1)).patch(null)).toEqual({ query: { offset: "1", limit: "2" } });
    expect(next(offset(undefined, 1), { items: 2 })).toEqual({ offset: 3 });
    expect(next(offset("total", 1), { items: 2, json: '{"total":3}' })).toEqual({ offset: 3 });
    expect(next(offset("total", 1), { items: 1, json: '{"total":3}', token: { offset: 3 } })).toBeUndefined();
  });
});

describe("paging that is recognised", () => {
  const auto = { type: "auto" } as const;
  const url = { url: "https://api.test/p2" };

  it.each([
    ['{"next":"https://api.test/p2"}', url],
    ['{"links":{"next":"/p2"}}', url],
    ['{"links":{"next":{"href":"/p2"}}}', url],
    ['{"_links":{"next":{"href":"/p2"}}}', url],
    ['{"paging":{"next":"/p2"}}', url],
    ['{"@odata.nextLink":"https://api.test/p2"}', url],
    ['{"next":"/p2","next_cursor":"c"}', url],
    ['{"next":"/p2","links":{"next":"/p2"}}', url],
    ['{"feed":{"link":[{"@rel":"self","@href":"/p1"},{"@rel":"next","@href":"/p2"}]}}', url],
    ['{"next_cursor":"c"}', { cursor: "c", param: "cursor" }],
    ['{"nextCursor":"c"}', { cursor: "c", param: "cursor" }],
    ['{"meta":{"next_cursor":"c"}}', { cursor: "c", param: "cursor" }],
    ['{"response_metadata":{"next_cursor":"c"}}', { cursor: "c", param: "cursor" }],
    ['{"next_page_token":"c"}', { cursor: "c", param: "page_token" }],
    ['{"nextPageToken":12345678901234567890}', { cursor: "12345678901234567890", param: "pageToken" }],
  ])("finds the next page of %s", (json, token) => {
    expect(next(auto, { json })).toEqual(token);
  });

  it.each([
    "[]",
    "{}",
    '{"next":null}',
    '{"next":2}',
    '{"next":"sometoken"}',
    '{"next":"/p2","paging":{"next":"/p3"}}',
    '{"next_cursor":"a","nextPageToken":"b"}',
    '{"next_cursor":""}',
    '{"next_cursor":"c","has_more":false}',
  ])("guesses nothing from %s", (json) => {
    expect(next(auto, { json })).toBeUndefined();
  });

  it("trusts the Link header first, and asks with the parameter that it found", () => {
    expect(next(auto, { json: '{"next":"/other"}', link: "</p2>; rel=next" })).toEqual(url);
    expect(paginator(auto).patch({ cursor: "c", param: "page_token" })).toEqual({ query: { page_token: "c" } });
    expect(paginator(auto).patch(url)).toEqual(url);
    expect(paginator(auto).patch(null)).toEqual({});
    expect(next(auto, {})).toBeUndefined();
  });
});

describe("any paging", () => {
  it("ends after the page that the stop condition is true of", () => {
    const stop = expression("old", ({ old }: { old: unknown }) => old);
    const stopping = paginator({ type: "link_header" }, stop);
    expect(stopping.next(seen({ json: '{"old":false}', link: "<?p=2>; rel=next" }))).toBeDefined();
    expect(
      stopping.next(seen({ json: '{"old":true}', link: "<?p=3>; rel=next", token: { url: "https://a.test/2" } })),
    ).toBeUndefined();
    expect(next({ type: "none" }, { link: "<?p=2>; rel=next" })).toBeUndefined();
  });

  it("notices a token that comes again, and shows no secret of an address", () => {
    const pages = paginator({ type: "next_url", path: path("next") });
    const a = pages.next(seen({ json: '{"next":"/a?key=secret"}' })) ?? null;
    const b = pages.next(seen({ json: '{"next":"/b"}', token: a })) ?? null;
    const back = (): unknown => pages.next(seen({ json: '{"next":"/a?key=secret"}', token: b }));
    expect(back).toThrow(expect.objectContaining({ name: "PollError", kind: "loop" }));
    expect(back).toThrow(
      "https://api.test/b names as the next one a page that was read before, https://api.test/a?key=…",
    );
    expect(() => paginator({ type: "auto" }).next(seen({ json: `{"next":"${URL_1}"}` }))).toThrow(
      "go round in a circle",
    );
  });

  it("notices a page that comes again under another token, but not that empty pages look alike", () => {
    const page: Kind<"page"> = {
      type: "page",
      param: "p",
      first: 1,
      sizeParam: undefined,
      size: undefined,
      totalPages: undefined,
    };
    const same = paginator(page);
    same.next(seen({ hash: "x" }));
    expect(() => same.next(seen({ hash: "x", token: { page: 2 } }))).toThrow(
      /page \{"page":2\} is the same as the page without a token/,
    );
    const alternating = paginator(page);
    for (const [i, hash] of ["x", "y", "x"].entries()) alternating.next(seen({ hash, token: { page: i + 1 } }));
    expect(() => alternating.next(seen({ hash: "y", token: { page: 4 } }))).toThrow("go round in a circle");
    const cursors = paginator({ type: "cursor", from: { header: "n" }, into: { query: "c" }, hasMore: undefined });
    for (let i = 0; i < 10; i += 1) {
      const response = { status: 200, url: URL_1, headers: { n: `c${i + 1}` } };
      expect(
        cursors.next(seen({ hash: "empty", items: 0, token: i === 0 ? null : { cursor: `c${i}` }, response })),
      ).toBeDefined();
    }
  });

  it("may be asked again about the same page", () => {
    const pages = paginator({ type: "link_header" });
    const page = seen({ link: "<?p=2>; rel=next" });
    expect(pages.next(page)).toEqual(pages.next(page));
  });

  it("ends at every server that has a finite number of pages, whatever it answers", () => {
    const answers = fc.array(
      fc.record({
        next: fc.nat({ max: 30 }),
        items: fc.nat({ max: 3 }),
        content: fc.nat({ max: 20 }),
        total: fc.option(fc.nat({ max: 50 })),
      }),
      { minLength: 1, maxLength: 20 },
    );
    const kinds: readonly AnyKind[] = [
      { type: "link_header" },
      { type: "auto" },
      { type: "next_url", path: path("next") },
      { type: "cursor", from: { body: path("cursor") }, into: { query: "c" }, hasMore: undefined },
      { type: "page", param: "p", first: 1, sizeParam: undefined, size: undefined, totalPages: undefined },
      { type: "page", param: "p", first: 1, sizeParam: undefined, size: 2, totalPages: path("total") },
      { type: "offset", param: "o", first: 0, limitParam: "l", limit: 2, total: path("total") },
    ];
    fc.assert(
      fc.property(fc.constantFrom(...kinds), answers, fc.nat(), (kind, pages, ignoresToken) => {
        const paging = paginator(kind);
        let token: PageToken | undefined = null;
        for (let requests = 0; token !== undefined; requests += 1) {
          expect(requests).toBeLessThan(200);
          const text: string =
            token === null || ignoresToken % 3 === 0 ? "0" : JSON.stringify(token).replaceAll(/\D/g, "");
          // Each page knows only so many others, so a server cannot go on without repeating itself.
          const page = pages[Number(text.slice(-9)) % pages.length] ?? { next: 0, items: 0, content: 0, total: null };
          const document = {
            next: `/p/${page.next}`,
            cursor: `c${page.next}`,
            ...(page.total === null ? {} : { total: page.total }),
          };
          try {
            token = paging.next({
              token,
              response: {
                status: 200,
                url: `https://api.test/p/${text}`,
                headers: { link: `</p/${page.next}>; rel="next"` },
              },
              document,
              items: page.items,
              hash: `${page.content}`,
            });
          } catch (error) {
            expect(error).toMatchObject({ kind: "loop" });
            return;
          }
        }
      }),
      { numRuns: 1000 },
    );
  });
});
