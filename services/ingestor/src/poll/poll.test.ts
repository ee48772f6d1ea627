import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { FakeApi } from "../testing/fake-api.js";
import { GatedSink } from "../testing/gated-sink.js";
import { PagedApi } from "../testing/paged-api.js";
import { type SimpleSource, sourceConfig } from "../testing/source-config.js";
import { path } from "../testing/expressions.js";
import { type PollEvents, type PollOutcome, poll } from "./poll.js";
import { createParts } from "./source-parts.js";

const retry = { maxAttempts: 1, initialMs: 1, maxMs: 1, openAfter: 1000 };
const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => String(from + i));

describe("a poll that reads ahead of what it writes", () => {
  let api: FakeApi;
  let paged: PagedApi;
  let sink: GatedSink;
  let stop: AbortController;
  const closers: (() => void)[] = [];

  beforeEach(async () => {
    api = await FakeApi.start();
    paged = new PagedApi(30, 2);
    api.answer(paged.answer);
    sink = new GatedSink();
    stop = new AbortController();
  });
  afterEach(async () => {
    for (const close of closers.splice(0)) close();
    await api[Symbol.asyncDispose]();
  });

  const start = async (source: SimpleSource = {}, more: { maxPages?: number; events?: PollEvents } = {}) => {
    const pagination = { type: "link_header", maxPages: 1000, stopWhen: undefined } as const;
    const extract = { id: [path("id")] };
    const config = sourceConfig({ url: api.url, pagination, retry, extract, ...source });
    const parts = createParts(config);
    closers.push(() => parts.http.close());
    return poll({ config, parts, sink, signal: stop.signal, now: Date.now, ...more });
  };
  /** So that a rejection while the test does other things is not one that nobody handles. */
  const watched = (polling: Promise<PollOutcome>): Promise<PollOutcome> => {
    polling.catch(() => undefined);
    return polling;
  };
  /** Waits until the API has been asked for so many pages and no more comes. */
  const asksFor = async (pages: number): Promise<void> => {
    const end = Date.now() + 10_000;
    while (paged.asked.length < pages && Date.now() < end) await pause(5);
    await pause(50);
    expect(paged.asked).toEqual(numbers(1, pages + 1).map(Number));
  };

  it("reads at most ten pages while one is written, and writes them together, with the place behind the last", async () => {
    const polling = watched(start());
    await sink.knock();
    // The one that is written, ten that are ready.
    await asksFor(11);
    expect(sink.written).toEqual([]);
    sink.finish();
    await sink.knock();
    expect(sink.written).toEqual([numbers(0, 2)]);
    expect(sink.states[0]?.progress).toMatchObject({ pages: 1, items: 2 });
    sink.finish();
    await sink.knock();
    expect(sink.written[1]).toEqual(numbers(2, 22));
    expect(sink.states[1]?.progress).toMatchObject({ pages: 11, items: 22 });
    sink.open();
    expect(await polling).toMatchObject({ pages: 30, written: 60, items: 60, more: false });
    expect(sink.written.flat()).toEqual(numbers(0, 60));
    expect(sink.state).toMatchObject({ items: 60 });
    expect(sink.state).not.toHaveProperty("progress");
  });

  it("drops what was read ahead where nothing can be written", async () => {
    const polling = watched(start());
    await sink.knock();
    await asksFor(11);
    sink.fail(new Error("Kafka is away"));
    await expect(polling).rejects.toThrow("Kafka is away");
    expect(sink.written).toEqual([]);
    expect(sink.rolledBack).toBe(1);
    await pause(50);
    expect(paged.asked).toHaveLength(11);
  });

  it("does not wait for a request that hangs when nothing can be written", async () => {
    api.answer((request, response) => {
      if (!String(request.url).includes("page=2")) paged.answer(request, response);
    });
    const polling = watched(start({ timeoutMs: 3_600_000 }));
    await sink.knock();
    sink.fail(new Error("Kafka is away"));
    await expect(polling).rejects.toThrow("Kafka is away");
  });

  it("writes what came before a failure to read, and tells the failure then", async () => {
    paged.before = (page) => (page === 4 ? 500 : undefined);
    const polling = watched(start());
    await sink.knock();
    await asksFor(4);
    sink.finish();
    await sink.knock();
    sink.finish();
    await expect(polling).rejects.toThrow("HTTP 500");
    expect(sink.written).toEqual([numbers(0, 2), numbers(2, 6)]);
    expect(sink.state?.progress).toMatchObject({ pages: 3, token: { url: expect.stringContaining("page=4") } });
  });

  it("tells a failure to write rather than the one to read that came before it", async () => {
    paged.before = (page) => (page === 2 ? 500 : undefined);
    const polling = watched(start());
    await sink.knock();
    await asksFor(2);
    sink.fail(new Error("Kafka is away"));
    await expect(polling).rejects.toThrow("Kafka is away");
  });

  it("writes what has begun to be written and nothing else when it is stopped", async () => {
    const polling = watched(start());
    await sink.knock();
    await asksFor(11);
    stop.abort(new Error("stopped"));
    await pause(50);
    sink.open();
    await expect(polling).rejects.toThrow("stopped");
    expect(sink.written).toEqual([numbers(0, 2)]);
  });

  it("asks for no page behind the most", async () => {
    const polling = watched(start({}, { maxPages: 3 }));
    await sink.knock();
    await asksFor(3);
    sink.open();
    expect(await polling).toMatchObject({ pages: 3, more: true });
    expect(sink.written.flat()).toEqual(numbers(0, 6));
    expect(sink.state?.progress).toMatchObject({ pages: 3 });
  });

  it("asks no faster than the source is allowed to", async () => {
    const polling = watched(start({ rateLimit: { requests: 3, perMs: 3_600_000 } }));
    await sink.knock();
    await asksFor(3);
    sink.open();
    await pause(50);
    expect(paged.asked).toHaveLength(3);
    stop.abort(new Error("stopped"));
    await expect(polling).rejects.toThrow("stopped");
    expect(sink.written.flat()).toEqual(numbers(0, 6));
  });

  it("keeps what a circle of pages brought, that which was read ahead too", async () => {
    api.answer((request, response) => {
      const page = Number(new URL(request.url ?? "/", api.url).searchParams.get("page") ?? 1);
      const link = `<${api.url}?page=${(page % 4) + 1}>; rel="next"`;
      response.writeHead(200, { link }).end(JSON.stringify([{ id: page }]));
    });
    const polling = watched(start({ url: `${api.url}?page=1` }));
    await sink.knock();
    await pause(100);
    sink.open();
    await expect(polling).rejects.toThrow("circle");
    expect(sink.written.flat()).toEqual(numbers(1, 5));
    expect(sink.state).not.toHaveProperty("progress");
  });

  it("lets a page that is too large for a transaction go before it, and goes on inside it", async () => {
    const lines = (from: number, to: number) =>
      numbers(from, to)
        .map((id) => `{"id":${id}}\n`)
        .join("");
    const answers = [lines(0, 3), lines(3, 25_003), lines(25_003, 25_005)];
    api.answer((request, response) => {
      const page = Number(new URL(request.url ?? "/", api.url).searchParams.get("page") ?? 0);
      const link = page < 2 ? { link: `<${api.url}?page=${page + 1}>; rel="next"` } : {};
      response.writeHead(200, link).end(answers[page]);
    });
    const polling = watched(start({ extract: { id: [path("id")], format: "ndjson" } }));
    await sink.knock();
    await pause(200);
    sink.open();
    expect(await polling).toMatchObject({ pages: 3, written: 25_005 });
    expect(sink.written.flat()).toEqual(numbers(0, 25_005));
    expect(sink.written.slice(0, 3).map(({ length }) => length)).toEqual([3, 10_000, 10_000]);
    expect(sink.states[1]?.progress).toMatchObject({ pages: 1, resume: { itemsDone: 10_000 } });
    expect(sink.states[2]?.progress).toMatchObject({ pages: 1, resume: { itemsDone: 20_000 } });
  });
});

async function pause(ms: number): Promise<void> {
  await new Promise((resolve) => void setTimeout(resolve, ms));
}
