import { describe, expect, it } from "@jest/globals";
import type { RequestConfig } from "../config/source-config.js";
import { constant, template } from "../testing/source-config.js";
import { renderRequest } from "./request.js";

const values = { cursor: "c 1", lastPoll: undefined, now: 0, parent: undefined };
const cursor = template("{{ cursor }}", (given) => given.cursor ?? "");

const config = (more: Partial<RequestConfig> = {}): RequestConfig => ({
  method: "GET",
  url: constant("https://x.test/a?b=%2F"),
  shownUrl: "https://x.test/a?b=%2F",
  urlFromAnswer: false,
  headers: [],
  query: [],
  body: undefined,
  ...more,
});

describe("the request for a page", () => {
  it("leaves an address as it is where nothing is added", () => {
    expect(renderRequest(config(), values, {})).toEqual({
      method: "GET",
      url: "https://x.test/a?b=%2F",
      headers: {},
      fromAnswer: false,
    });
  });

  it("fills in the query, and has the page's parameters go before", () => {
    const query = [["since", cursor] as const, ["page", constant("1")] as const];
    expect(renderRequest(config({ query }), values, { query: { page: "3" } }).url).toBe(
      "https://x.test/a?b=%2F&since=c+1&page=3",
    );
  });

  it("takes an address out of an answer whole, and marks it", () => {
    const query = [["since", cursor] as const];
    expect(renderRequest(config({ query }), values, { url: "https://x.test/next?p=2" })).toMatchObject({
      url: "https://x.test/next?p=2",
      fromAnswer: true,
    });
  });

  it("puts cursors into headers and JSON bodies, at any depth", () => {
    const body = {
      kind: "json" as const,
      value: { query: constant("{ a }"), variables: { first: 10, after: null, since: cursor, tags: [cursor, true] } },
    };
    const request = renderRequest(config({ method: "POST", headers: [["X-Key", constant("k")]], body }), values, {
      headers: { "X-Cursor": "n" },
      body: { "variables.after": "n", "page.size": "5" },
    });
    expect(request.headers).toEqual({ "x-key": "k", "x-cursor": "n", "content-type": "application/json" });
    expect(JSON.parse(String(request.body))).toEqual({
      query: "{ a }",
      variables: { first: 10, after: "n", since: "c 1", tags: ["c 1", true] },
      page: { size: "5" },
    });
  });

  it("sends forms and text", () => {
    const form = { kind: "form" as const, fields: [["a", cursor] as const, ["a", constant("&")] as const] };
    expect(String(renderRequest(config({ body: form }), values, { body: { page: "2" } }).body)).toBe(
      "a=c+1&a=%26&page=2",
    );
    const text = { kind: "text" as const, text: cursor, contentType: "text/plain" };
    const request = renderRequest(config({ body: text, headers: [["content-type", constant("a/b")]] }), values, {});
    expect(request).toMatchObject({ headers: { "content-type": "a/b" }, body: Buffer.from("c 1") });
  });
});
