import type { ServerResponse } from "node:http";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { FakeApi } from "../testing/fake-api.js";
import { Harness, type TestIngestor, eventually } from "../testing/harness.js";
import { path } from "../testing/expressions.js";
import { PagedApi } from "../testing/paged-api.js";
import { template } from "../testing/source-config.js";

const linkHeader = { type: "link_header", maxPages: 1000, stopWhen: undefined } as const;
const retry = { maxAttempts: 1, initialMs: 20, maxMs: 50, openAfter: 1000 };

describe("a poll of several pages", () => {
  let harness: Harness;
  let api: FakeApi;

  beforeEach(async () => {
    harness = new Harness();
    api = await FakeApi.start();
  });
  afterEach(async () => {
    await harness.close();
    await api[Symbol.asyncDispose]();
  });

  const idsIn = async (source = "things") =>
    (await harness.values(source)).map((value) => (JSON.parse(value) as { id: number }).id);
  const numbers = (count: number) => Array.from({ length: count }, (_, i) => i);
  const statusOf = async (ingestor: TestIngestor) => (await ingestor.control.getStatus({})).sources[0];
  const states = async () => (await harness.read(harness.names.state)).length;

  it("goes on at the page where it ended, in another process too", async () => {
    const paged = new PagedApi(20, 5);
    api.answer(paged.answer);
    paged.before = (page) => (page === 13 ? 500 : undefined);
    const first = await harness.ready({ url: api.url, pagination: linkHeader, retry });
    await first.control.start({});
    await eventually(async () => expect(paged.asked.filter((page) => page === 13).length).toBeGreaterThan(3));
    expect(paged.asked.filter((page) => page < 13)).toEqual(numbers(12).map((i) => i + 1));
    expect(await statusOf(first)).toMatchObject({ lastError: expect.stringContaining("HTTP 500") });
    await first.stop();
    paged.asked.length = 0;
    paged.before = () => undefined;
    const second = await harness.ready({ url: api.url, pagination: linkHeader, retry });
    await eventually(async () => expect(await idsIn()).toEqual(numbers(100)));
    expect(paged.asked.slice(0, 8)).toEqual([13, 14, 15, 16, 17, 18, 19, 20]);
    // Done: the next poll begins at the first page, and finds nothing new.
    await eventually(async () => expect(paged.asked).toEqual(expect.arrayContaining([1, 2])));
    await second.stop();
    expect(await idsIn()).toEqual(numbers(100));
  });

  it("costs no write at all while nothing is new", async () => {
    const paged = new PagedApi(4, 5);
    api.answer(paged.answer);
    const ingestor = await harness.ready({ url: api.url, pagination: linkHeader, retry });
    await ingestor.control.start({});
    await eventually(async () => expect((await statusOf(ingestor))?.polls).toBeGreaterThan(2n));
    const before = await states();
    const { polls = 0n } = (await statusOf(ingestor)) ?? {};
    await eventually(async () => expect((await statusOf(ingestor))?.polls).toBeGreaterThan(polls + 3n));
    expect(await states()).toBe(before);
    expect(await idsIn()).toEqual(numbers(20));
  });

  it("goes on behind the most pages of one poll with the next poll", async () => {
    const paged = new PagedApi(7, 3);
    api.answer(paged.answer);
    const ingestor = await harness.ready({ url: api.url, pagination: { ...linkHeader, maxPages: 3 }, retry });
    await ingestor.control.start({});
    await eventually(async () => expect(await idsIn()).toEqual(numbers(21)));
    expect(paged.asked.slice(0, 7)).toEqual([1, 2, 3, 4, 5, 6, 7]);
  });

  it("begins again where the API does not know the place any more, and passes nothing over", async () => {
    const paged = new PagedApi(6, 2);
    api.answer(paged.answer);
    paged.before = (page) => (page === 4 ? 503 : undefined);
    const first = await harness.ready({ url: api.url, pagination: linkHeader, retry });
    await first.control.start({});
    // Told when all before it is in the log: the API was asked ahead of that.
    await eventually(async () => expect((await statusOf(first))?.lastError).toContain("HTTP 503"));
    await first.stop();
    paged.asked.length = 0;
    paged.before = (page) => (page === 4 && !paged.asked.includes(1) ? 410 : undefined);
    const second = await harness.ready({ url: api.url, pagination: linkHeader, retry });
    await eventually(async () => expect(await idsIn()).toEqual(numbers(12)));
    expect(paged.asked.slice(0, 3)).toEqual([4, 1, 2]);
    await second.stop();
  });

  it("moves the high-water mark only when all pages of the poll are in the log", async () => {
    const asked: (string | null)[] = [];
    let refuse = true;
    // The newest first, as most lists are.
    const pages: Record<string, { body: object[]; next?: string }> = {
      "1": {
        body: [
          { id: 9, at: 900 },
          { id: 8, at: 800 },
        ],
        next: "2",
      },
      "2": {
        body: [
          { id: 7, at: 700 },
          { id: 6, at: 600 },
        ],
      },
    };
    api.answer((request, response) => {
      const url = new URL(request.url ?? "/", api.url);
      const page = url.searchParams.get("page") ?? "1";
      asked.push(url.searchParams.get("since"));
      if (page === "2" && refuse) {
        response.writeHead(500).end();
        return;
      }
      const since = Number(url.searchParams.get("since"));
      const { body, next } = pages[page] ?? { body: [] };
      url.searchParams.set("page", next ?? "");
      const link = next === undefined ? {} : { link: `<${url.href}>; rel="next"` };
      response.writeHead(200, link).end(JSON.stringify(body.filter((item) => (item as { at: number }).at > since)));
    });
    const source = {
      url: api.url,
      pagination: linkHeader,
      retry,
      request: { query: [["since", template("{{ cursor }}", ({ cursor }) => cursor ?? "none")] as const] },
      cursor: { field: path("at"), type: "number", initial: "0", overlap: 0, format: "unix" } as const,
    };
    const first = await harness.ready(source);
    await first.control.start({});
    await eventually(async () => expect(asked.length).toBeGreaterThan(4));
    await first.stop();
    refuse = false;
    const second = await harness.ready(source);
    await eventually(async () => expect(asked).toContain("900"));
    expect(asked.slice(0, asked.indexOf("900"))).toEqual(asked.slice(0, asked.indexOf("900")).map(() => "0"));
    expect(await idsIn()).toEqual([9, 8, 7, 6]);
    expect(await statusOf(second)).toMatchObject({ cursor: "900" });
    await second.stop();
    asked.length = 0;
    const third = await harness.ready(source);
    await eventually(async () => expect(asked.length).toBeGreaterThan(0));
    expect(asked[0]).toBe("900");
    await third.stop();
  });

  describe("a page that is larger than a transaction and than the window", () => {
    let lines: string[];
    /** Breaks the answer off behind two written parts, each time, until told that it is whole. */
    let whole = false;
    const broken = new Set<ServerResponse>();
    const source = () => ({ url: api.url, retry, extract: { format: "ndjson" as const }, dedupWindow: 10 });

    beforeEach(() => {
      lines = numbers(35_000).map((id) => JSON.stringify({ id }));
      whole = false;
      broken.clear();
      api.answer((_request, response) => {
        response.writeHead(200, { "content-type": "application/x-ndjson" });
        if (whole) {
          response.end(`${lines.join("\n")}\n`);
          return;
        }
        broken.add(response);
        response.write(`${lines.slice(0, 25_500).join("\n")}\n`);
      });
    });

    const breakOff = async (): Promise<void> => {
      await eventually(async () => expect((await idsIn()).length).toBe(20_000));
      whole = true;
      for (const response of broken) response.destroy();
    };
    /** Two whole polls over the same page find nothing new. */
    const staysAsItIs = async (ingestor: TestIngestor): Promise<void> => {
      await eventually(async () => expect((await idsIn()).length).toBeGreaterThanOrEqual(35_000));
      const { polls = 0n } = (await statusOf(ingestor)) ?? {};
      await eventually(async () => expect((await statusOf(ingestor))?.polls).toBeGreaterThan(polls + 2n));
      expect(await idsIn()).toEqual(numbers(35_000));
    };

    it("goes on inside it where it broke off", async () => {
      const ingestor = await harness.ready(source());
      await ingestor.control.start({});
      await breakOff();
      await staysAsItIs(ingestor);
    });

    it("goes on inside it in another process", async () => {
      const first = await harness.ready(source());
      await first.control.start({});
      await breakOff();
      await first.stop();
      await staysAsItIs(await harness.ready(source()));
      await harness.stopAll();
      await staysAsItIs(await harness.ready(source()));
    });

    it("is not written again where only its beginning has changed", async () => {
      whole = true;
      const ingestor = await harness.ready(source());
      await ingestor.control.start({});
      await staysAsItIs(ingestor);
      const changed = numbers(10_000).map((id) => JSON.stringify({ id, new: true }));
      lines.splice(0, changed.length, ...changed);
      await eventually(async () => expect((await idsIn()).length).toBeGreaterThanOrEqual(45_000));
      const { polls = 0n } = (await statusOf(ingestor)) ?? {};
      await eventually(async () => expect((await statusOf(ingestor))?.polls).toBeGreaterThan(polls + 2n));
      expect(await idsIn()).toEqual([...numbers(35_000), ...numbers(10_000)]);
    });
  });

  it("knows all pages of a poll again that a restart fell into, however small the window is", async () => {
    const paged = new PagedApi(20, 5);
    api.answer(paged.answer);
    paged.before = (page) => (page === 13 ? 500 : undefined);
    const source = { url: api.url, pagination: linkHeader, retry, dedupWindow: 1 };
    const first = await harness.ready(source);
    await first.control.start({});
    await eventually(async () => expect((await statusOf(first))?.lastError).toContain("HTTP 500"));
    await first.stop();
    paged.before = () => undefined;
    for (let restarts = 0; restarts < 2; restarts += 1) {
      const next = await harness.ready(source);
      await eventually(async () => expect((await statusOf(next))?.polls).toBeGreaterThan(3n));
      await next.stop();
    }
    expect(await idsIn()).toEqual(numbers(100));
  });

  it("does not write a page again that holds an id with two contents, after a restart neither", async () => {
    const [v1, v2] = [
      { id: "a", v: 1 },
      { id: "a", v: 2 },
    ];
    const source = { url: api.url, topic: { partitions: 3, retentionMs: undefined, replication: undefined } };
    const written = async () =>
      (await Promise.all([0, 1, 2].map(async (n) => harness.read(harness.names.records("things"), n)))).flat();
    const log = async () => (await written()).map(({ value }) => (JSON.parse(String(value)) as { v: number }).v);
    /** Polled often and by another process, it brings what it brought at once. */
    const settles = async (page: readonly object[], expected: readonly number[]): Promise<void> => {
      api.answerJson(page);
      for (const restart of [false, true]) {
        if (restart) await harness.stopAll();
        const ingestor = restart ? await harness.ready(source) : running;
        running = ingestor;
        const { polls = 0n } = (await statusOf(ingestor)) ?? {};
        await eventually(async () => expect((await statusOf(ingestor))?.polls).toBeGreaterThan(polls + 3n));
        expect(await log()).toEqual(expected);
      }
    };
    let running = await harness.ready(source);
    api.answerJson([]);
    await running.control.start({});
    await settles([v1], [1]);
    await settles([v1, v2], [1, 2]);
    await settles([v2], [1, 2]);
    await settles([{ id: "a", v: 3 }, v1], [1, 2, 3, 1]);
    await settles([v2], [1, 2, 3, 1, 2]);
    const timestamps = (await written()).map(({ timestampMs }) => timestampMs);
    expect(new Set(timestamps).size).toBe(4);
    expect(timestamps[2]).toBe(timestamps[3]);
  });

  it("does not repeat the request of a poll after many have failed", async () => {
    api.answer((_request, response) => response.writeHead(500).end());
    const often = { maxAttempts: 2, initialMs: 1, maxMs: 10, openAfter: 1 };
    const ingestor = await harness.ready({ url: api.url, retry: often });
    await ingestor.control.start({});
    await eventually(async () => expect((await statusOf(ingestor))?.polls).toBeGreaterThan(9n));
    await ingestor.control.stop({});
    const { polls = 0n, lastError } = (await statusOf(ingestor)) ?? {};
    expect(lastError).toMatch(/HTTP 500.*; the last poll has failed, so only one request every 10ms is made now/);
    expect(api.requests.length).toBeLessThanOrEqual(Number(polls) + often.maxAttempts - 1);
  });

  it("says that the pages go round in a circle, and keeps what they brought", async () => {
    api.answer((request, response) => {
      const page = new URL(request.url ?? "/", api.url).searchParams.get("page") ?? "1";
      const link = `<${api.url}?page=${page === "1" ? "2" : "1"}>; rel="next"`;
      response.writeHead(200, { link }).end(JSON.stringify([{ id: `of page ${page}` }]));
    });
    const ingestor = await harness.ready({ url: `${api.url}?page=1`, pagination: linkHeader, retry });
    await ingestor.control.start({});
    await eventually(async () => {
      expect(await statusOf(ingestor)).toMatchObject({ lastError: expect.stringContaining("circle") });
    });
    expect(await harness.values()).toEqual(['{"id":"of page 1"}', '{"id":"of page 2"}']);
  });
});
