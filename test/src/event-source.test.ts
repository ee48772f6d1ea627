import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { type TestStack, startTestStack } from "./harness/stack.js";
import { type Browser, type Page, findChromium, startBrowser } from "./support/browser.js";
import { CuttingProxy } from "./support/cutting-proxy.js";
import { getData, postWorker } from "./support/data-client.js";
import { Upstream } from "./support/upstream.js";
import { eventually } from "./support/wait.js";

const chromium = findChromium();
if (chromium === undefined) {
  console.warn("not tested: a browser's EventSource, for Chromium is not installed (Debian: apt-get install chromium)");
}

/** What a page does to read: this, and no more. */
const readingPage = (path: string): string => `
  window.seen = [];
  window.errors = [];
  window.opened = 0;
  window.source = new EventSource(${JSON.stringify(path)});
  source.onopen = () => { opened += 1; };
  source.onmessage = ({ data, lastEventId }) => {
    const record = JSON.parse(data);
    seen.push({ record: record.data.id + "/" + record.data.version, offset: record.offset, lastEventId });
  };
  source.onerror = ({ data }) => { errors.push({ data: data ?? null, readyState: source.readyState }); };
  true`;

/** The policy of an answer in JSON lets a page that shows it ask for nothing; here it stands for a page of the gateway's origin. */
const withoutPolicy = { bypassCSP: true };

interface Seen {
  readonly record: string;
  readonly offset: number;
  readonly lastEventId: string;
}

(chromium === undefined ? describe.skip : describe)("a page that reads with EventSource", () => {
  let upstream: Upstream;
  let stack: TestStack;
  let browser: Browser;
  let proxy: CuttingProxy;
  let page: Page;

  beforeAll(async () => {
    upstream = await Upstream.start();
    upstream.add(2000);
    // Many batches, so that a cut has some before it and some behind.
    const serviceEnv = { reader: { BATCH_BYTES: "8192" } };
    stack = await startTestStack({ sourceUrl: upstream.url, sourceName: "items", serviceEnv });
    proxy = await CuttingProxy.start(stack.gatewayUrl);
    browser = await startBrowser(chromium ?? "");
    page = await browser.newPage(withoutPolicy);
    await postWorker(stack.gatewayUrl, { command: "start" });
    await eventually(async () => {
      expect((await getData(stack.gatewayUrl, "reader=probe&ack=manual")).records.length).toBe(2000);
    });
  }, 120_000);

  afterAll(async () => {
    await browser?.close();
    await proxy?.[Symbol.asyncDispose]();
    await stack?.stop();
    await upstream?.[Symbol.asyncDispose]();
  }, 60_000);

  const seen = (): Promise<Seen[]> => page.evaluate<Seen[]>("seen");

  /** Each record in the order of the log; what comes again does so from the last id on. */
  const expectAll = async (): Promise<void> => {
    const all = await seen();
    const truth = upstream.history.map((item) => `${item.id}/${item.version}`);
    expect([...new Set(all.map(({ record }) => record))]).toEqual(truth);
  };

  it("sees every record through cut connections and a killed gateway, and has them acknowledged", async () => {
    // On the gateway's origin; the proxy stands for the network between.
    await page.goto(`${proxy.url}/livez`);
    // Compressed, everything is about 20,000 bytes.
    proxy.cutAfter = 4000;
    await page.evaluate(readingPage("/data?reader=browser"));
    await eventually(() => expect(proxy.cuts).toBe(1));
    proxy.cutAfter = 3001;
    await eventually(() => expect(proxy.cuts).toBe(2));
    await eventually(expectAll);

    upstream.add(100);
    await eventually(expectAll);
    proxy.cutAll();
    upstream.add(100);
    await eventually(expectAll);

    await stack.kill("gateway");
    upstream.add(100);
    await stack.ready();
    await eventually(expectAll);

    const resumed = proxy.requests.filter((request) => /^last-event-id: \S+/im.test(request));
    expect(resumed.length).toBeGreaterThanOrEqual(3);
    expect(await page.evaluate<number>("opened")).toBeGreaterThanOrEqual(4);
    // It came back every time by itself.
    expect(await page.evaluate<number>("source.readyState")).toBe(1);

    const all = await seen();
    expect(all.at(-1)?.lastEventId).toMatch(/^[\w-]+$/);
    // Nothing that was acknowledged comes again: the offsets go back only to the last id, never to the beginning.
    const returns = all.filter(({ offset }, i) => i > 0 && offset <= (all[i - 1]?.offset ?? 0));
    expect(returns.length).toBeLessThanOrEqual(4);

    await page.evaluate("source.close()");
    await eventually(async () => {
      const response = await fetch(`${stack.gatewayUrl}/data/readers/browser`);
      expect(await response.json()).toMatchObject({ name: "browser", unread: 0 });
    });
    expect((await getData(stack.gatewayUrl, "reader=browser")).records).toEqual([]);
  }, 120_000);

  it("goes on from the last id and moves nobody where it acknowledges by itself", async () => {
    await page.goto(`${proxy.url}/livez`);
    proxy.cutAfter = 4000;
    await page.evaluate(readingPage("/data?reader=hand&ack=manual"));
    await eventually(() => expect(proxy.cutAfter).toBeUndefined());
    await eventually(expectAll);
    const standing = await getData(stack.gatewayUrl, "reader=hand&since=earliest&limit=1");
    expect(standing.records).toHaveLength(1);
    const reader = async (): Promise<unknown> => (await fetch(`${stack.gatewayUrl}/data/readers/hand`)).json();
    expect(await reader()).toMatchObject({ unread: upstream.history.length });
    // An event's id is a cursor: the page acknowledges what it has dealt with.
    const status = await page.evaluate<number>(`fetch("/data/ack", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ reader: "hand", cursor: seen.at(-1).lastEventId }),
    }).then(({ status }) => status)`);
    expect(status).toBe(200);
    expect(await reader()).toMatchObject({ unread: 0 });
    await page.evaluate("source.close()");
  }, 60_000);

  it("is told for good of what is wrong for good, and tries no more", async () => {
    await page.goto(`${proxy.url}/livez`);
    await page.evaluate(readingPage("/data?reader=never&speed=3"));
    await eventually(async () => expect(await page.evaluate<number>("source.readyState")).toBe(2));
    expect(await page.evaluate<unknown[]>("errors")).toEqual([{ data: null, readyState: 2 }]);
  });

  it("waits for a reader that another page has, and takes over when that one is closed", async () => {
    const other = await browser.newPage(withoutPolicy);
    await other.goto(`${proxy.url}/livez`);
    await other.evaluate(readingPage("/data?reader=shared&start=latest"));
    await eventually(async () => expect(await other.evaluate<number>("opened")).toBe(1));
    await page.goto(`${proxy.url}/livez`);
    await page.evaluate(readingPage("/data?reader=shared"));
    await eventually(async () => {
      expect(await page.evaluate<string>("JSON.stringify(errors)")).toContain("READER_BUSY");
    });
    await other.close();
    upstream.add(10);
    await eventually(async () => expect((await seen()).length).toBe(10));
    await page.evaluate("source.close()");
  }, 60_000);

  it("shows the status of the sources as it changes", async () => {
    await page.goto(`${proxy.url}/livez`);
    await page.evaluate(`
      window.states = [];
      window.source = new EventSource("/worker/events");
      source.onmessage = ({ data }) => states.push(...JSON.parse(data).sources.map((s) => s.desiredState));
      true`);
    await eventually(async () => expect(await page.evaluate<string[]>("states")).toContain("STARTED"));
    await postWorker(stack.gatewayUrl, { command: "stop" });
    await eventually(async () => expect(await page.evaluate<string[]>("states")).toContain("STOPPED"));
    await page.evaluate("source.close()");
  }, 60_000);
});
