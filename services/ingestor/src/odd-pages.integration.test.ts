import { afterAll, afterEach, beforeAll, describe, expect, it } from "@jest/globals";
import type { SourceStatus } from "@apispool/contracts/apispool/v1/worker_control_pb.js";
import { path } from "./testing/expressions.js";
import { FakeApi } from "./testing/fake-api.js";
import { Harness, type TestIngestor, eventually, headerOf } from "./testing/harness.js";
import { type SimpleSource, template } from "./testing/source-config.js";

interface Page {
  readonly items: readonly object[];
  readonly next?: string;
}

const cursorPaging = {
  type: "cursor",
  maxPages: 100,
  stopWhen: undefined,
  from: { body: path("next") },
  into: { query: "after" },
  hasMore: undefined,
} as const;
const MEGABYTE = 1_000_000;

describe("pages that are odd", () => {
  let harness: Harness;
  let api: FakeApi;
  let ingestor: TestIngestor;
  /** By the place in the list, "" for the first; what the source that runs is served. */
  let pages: Readonly<Record<string, Page>>;
  let asked: URLSearchParams[];

  beforeAll(async () => {
    harness = new Harness();
    api = await FakeApi.start();
    api.answer((request, response) => {
      const { searchParams } = new URL(request.url ?? "/", api.url);
      asked.push(searchParams);
      const page = pages[searchParams.get("after") ?? ""];
      response.writeHead(page === undefined ? 404 : 200, { "content-type": "application/json" });
      response.end(JSON.stringify(page));
    });
    const source = (name: string, more: SimpleSource = {}): SimpleSource => ({
      name,
      url: api.url,
      retry: { maxAttempts: 1, initialMs: 10, maxMs: 50, openAfter: 1000 },
      pagination: cursorPaging,
      ...more,
      extract: { records: path("items"), maxRecordBytes: MEGABYTE, ...more.extract },
    });
    ingestor = await harness.ready([
      source("repeating", {
        pagination: {
          type: "page",
          param: "page",
          first: 1,
          sizeParam: undefined,
          size: 2,
          totalPages: undefined,
          maxPages: 100,
          stopWhen: undefined,
        },
      }),
      source("backwards"),
      source("older", {
        request: { query: [["since", template("{{ cursor }}", ({ cursor }) => cursor ?? "none")]] },
        cursor: { field: path("at"), type: "number", initial: "0", overlap: 10, format: "unix" },
      }),
      source("empty"),
      source("twice"),
      source("without-id", { extract: { id: [path("id")] } }),
      source("large"),
      source("very-large", { extract: { maxRecordBytes: 16 * MEGABYTE } }),
    ]);
  });
  afterEach(async () => {
    await ingestor.control.stop({});
  });
  afterAll(async () => {
    await harness?.close();
    await api?.[Symbol.asyncDispose]();
  });

  const start = async (source: string, served: typeof pages): Promise<void> => {
    pages = served;
    asked = [];
    await ingestor.control.start({ sources: [source] });
  };
  const statusOf = async (source: string): Promise<SourceStatus | undefined> =>
    (await ingestor.control.getStatus({ sources: [source] })).sources[0];
  const polled = async (source: string, more = 2n): Promise<void> => {
    const { polls = 0n } = (await statusOf(source)) ?? {};
    await eventually(async () => expect((await statusOf(source))?.polls).toBeGreaterThan(polls + more));
  };
  const valuesOf = async (source: string): Promise<unknown[]> =>
    (await harness.values(source)).map((value): unknown => JSON.parse(value));
  const [a, b, c, d] = ["a", "b", "c", "d"].map((id) => ({ id })) as [object, object, object, object];

  it("a page that repeats because the API does not know the parameter: written once, said, and forgotten when it does", async () => {
    await start("repeating", { "": { items: [a, b] } });
    await eventually(async () => {
      expect(await statusOf("repeating")).toMatchObject({
        lastError: expect.stringMatching(/go round in a circle.*does the API take the parameter/),
      });
    });
    await polled("repeating");
    expect(await valuesOf("repeating")).toEqual([a, b]);
    pages = { "": { items: [c] } };
    await eventually(async () => {
      expect(await statusOf("repeating")).toMatchObject({ lastError: "", consecutiveFailures: 0, recordsTotal: 3n });
    });
  });

  it("a cursor that goes back to a page that was read: no endless poll, what was there is kept, and it recovers", async () => {
    await start("backwards", {
      "": { items: [a], next: "2" },
      "2": { items: [b], next: "3" },
      "3": { items: [c], next: "2" },
    });
    await eventually(async () => {
      expect(await statusOf("backwards")).toMatchObject({ lastError: expect.stringContaining("go round in a circle") });
    });
    expect(await valuesOf("backwards")).toEqual([a, b, c]);
    // Three pages a poll, and not one more.
    await polled("backwards");
    const places = asked.map((query) => query.get("after") ?? "");
    expect(places.filter((_, i) => places[i - 1] === "3" || i === 0).every((place) => place === "")).toBe(true);
    pages = { "": { items: [a], next: "2" }, "2": { items: [b, d] } };
    await eventually(async () => {
      expect(await statusOf("backwards")).toMatchObject({ lastError: "", consecutiveFailures: 0, recordsTotal: 4n });
    });
  });

  it("records that are older than those before: the high-water mark stays where it is", async () => {
    await start("older", { "": { items: [{ id: "new", at: 900 }] } });
    await eventually(async () => expect(asked.at(-1)?.get("since")).toBe("890"));
    pages = { "": { items: [{ id: "late", at: 100 }] } };
    await eventually(async () => expect(await valuesOf("older")).toHaveLength(2));
    await polled("older");
    expect(asked.at(-1)?.get("since")).toBe("890");
    expect(await statusOf("older")).toMatchObject({ cursor: "900", lastError: "" });
  });

  it("an empty page between two others, and an empty list: no end before the end, and no error", async () => {
    await start("empty", { "": { items: [a], next: "2" }, "2": { items: [], next: "3" }, "3": { items: [b] } });
    await eventually(async () => expect(await valuesOf("empty")).toEqual([a, b]));
    pages = { "": { items: [] } };
    await polled("empty");
    expect(await statusOf("empty")).toMatchObject({ lastError: "", consecutiveFailures: 0, recordsTotal: 2n });
    pages = { "": { items: [a, c] } };
    await eventually(async () => expect(await valuesOf("empty")).toEqual([a, b, c]));
  });

  it("an id twice in one page: the same content once, another content as a version after it", async () => {
    await start("twice", { "": { items: [a, a, b, c, b] } });
    await eventually(async () => expect(await valuesOf("twice")).toEqual([a, b, c]));
    await polled("twice");
    expect(await statusOf("twice")).toMatchObject({ recordsTotal: 3n, lastError: "" });
    pages = {
      "": {
        items: [
          { id: "a", v: 2 },
          { id: "a", v: 3 },
          { id: "a", v: 3 },
        ],
      },
    };
    await eventually(async () => expect((await valuesOf("twice")).length).toBeGreaterThan(3));
    await ingestor.control.stop({ sources: ["twice"] });
    expect((await valuesOf("twice")).slice(0, 5)).toEqual([a, b, c, { id: "a", v: 2 }, { id: "a", v: 3 }]);
  });

  it("items without an id: to the dead letters, once, and the others of the page are written", async () => {
    await start("without-id", { "": { items: [a, { name: "nobody" }, { id: null }, { id: "" }, b] } });
    await eventually(async () => expect(await valuesOf("without-id")).toEqual([a, b]));
    await polled("without-id");
    const letters = await harness.read(harness.names.deadLetters("without-id"));
    expect(letters.map((letter) => [String(letter.value), headerOf(letter, "apispool-reason")])).toEqual([
      ['{"name":"nobody"}', 'it has no id at "id"'],
      ['{"id":null}', 'it has no id at "id"'],
      ['{"id":""}', 'its id at "id" is empty; a text or a number is allowed'],
    ]);
    expect(await statusOf("without-id")).toMatchObject({ deadLettered: 3n, lastError: "", recordsTotal: 2n });
  });

  it("a record of 10 MB: to the dead letters where it is too large, byte for byte in the log where it is allowed", async () => {
    const large = { id: "large", text: "x".repeat(10 * MEGABYTE) };
    await start("large", { "": { items: [a, large, b] } });
    await eventually(async () => expect(await valuesOf("large")).toEqual([a, b]));
    await polled("large");
    const letters = await harness.read(harness.names.deadLetters("large"));
    expect(letters.map((letter) => headerOf(letter, "apispool-reason"))).toEqual([
      "it has 10000024 bytes; 1000000 are allowed",
    ]);
    expect(headerOf(letters[0], "apispool-full-bytes")).toBe("10000024");
    expect(String(letters[0]?.value).startsWith('{"id":"large","text":"xxx')).toBe(true);
    expect(await statusOf("large")).toMatchObject({ deadLettered: 1n, lastError: "", recordsTotal: 2n });
    await ingestor.control.stop({ sources: ["large"] });

    await start("very-large", { "": { items: [a, large, b] } });
    await eventually(async () => {
      expect(await statusOf("very-large")).toMatchObject({ recordsTotal: 3n, lastError: "", deadLettered: 0n });
    });
    const values = await harness.values("very-large");
    expect(values.map((value) => value.length)).toEqual([10, 10_000_024, 10]);
    expect(values[1] === JSON.stringify(large)).toBe(true);
  });
});
