import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { FakeApi } from "../testing/fake-api.js";
import { Harness, eventually, headerOf } from "../testing/harness.js";
import { template } from "../testing/source-config.js";

const retry = { maxAttempts: 2, initialMs: 10, maxMs: 30, openAfter: 1000 };

describe("a source that is fed by another one's records", () => {
  let harness: Harness;
  let api: FakeApi;
  let orders: object[];
  const asked: string[] = [];
  let refuse: ReadonlyMap<string, number>;

  beforeEach(async () => {
    harness = new Harness();
    api = await FakeApi.start();
    orders = [{ id: "a" }, { id: "b" }, { id: "c" }];
    asked.length = 0;
    refuse = new Map();
    api.answer((request, response) => {
      const { pathname, searchParams, origin } = new URL(request.url ?? "/", api.url);
      if (pathname === "/data") {
        response.end(JSON.stringify(orders));
        return;
      }
      const [, , order = ""] = pathname.split("/");
      const page = searchParams.get("page") ?? "1";
      asked.push(`${order}/${page}`);
      const refused = refuse.get(order);
      if (refused !== undefined) {
        response.writeHead(refused).end();
        return;
      }
      const link = page === "1" ? { link: `<${origin}${pathname}?page=2>; rel="next"` } : {};
      response.writeHead(200, link).end(JSON.stringify([{ id: `${order}-${page}` }]));
    });
  });
  afterEach(async () => {
    await harness.close();
    await api[Symbol.asyncDispose]();
  });

  const sources = () => [
    { name: "orders", url: api.url, retry },
    {
      name: "items",
      retry,
      request: {
        url: template(`${new URL(api.url).origin}/orders/{{ parent.id }}/items`, ({ parent }) => {
          return `${new URL(api.url).origin}/orders/${(parent as { id: string }).id}/items`;
        }),
      },
      pagination: { type: "link_header", maxPages: 100, stopWhen: undefined } as const,
      parent: { source: "orders" },
    },
  ];
  const items = async () => (await harness.values("items")).map((value) => (JSON.parse(value) as { id: string }).id);

  it("asks once for each record of the parent, page by page, and goes on there in another process", async () => {
    const first = await harness.ready(sources());
    await first.control.start({});
    await eventually(async () => expect(await items()).toEqual(["a-1", "a-2", "b-1", "b-2", "c-1", "c-2"]));
    await first.stop();
    orders.push({ id: "d" });
    asked.length = 0;
    const second = await harness.ready(sources());
    await eventually(async () => expect(await items()).toEqual(expect.arrayContaining(["d-2"])));
    expect(asked.filter((it) => !it.startsWith("d"))).toEqual([]);
    await second.stop();
  });

  it("puts a record that keeps failing into the dead letters, and goes on with the others", async () => {
    refuse = new Map([["b", 404]]);
    const ingestor = await harness.ready(sources());
    await ingestor.control.start({});
    await eventually(async () => expect(await items()).toEqual(["a-1", "a-2", "c-1", "c-2"]));
    const letters = await harness.read(harness.names.deadLetters("items"));
    expect(letters.map(({ value }) => String(value))).toEqual(['{"id":"b"}']);
    expect(headerOf(letters[0], "apispool-reason")).toMatch(/^after 2 tries: HTTP 404/);
    expect(headerOf(letters[0], "apispool-place")).toMatch(/^record \d+ of partition 0 of the parent orders$/);
    expect(asked.filter((it) => it === "b/1")).toHaveLength(2);
  });

  it("passes nothing over while the API does not answer anybody", async () => {
    refuse = new Map(["a", "b", "c"].map((order) => [order, 429]));
    const ingestor = await harness.ready(sources());
    await ingestor.control.start({});
    await eventually(async () => expect(asked.length).toBeGreaterThan(6));
    refuse = new Map();
    await eventually(async () => expect(await items()).toEqual(["a-1", "a-2", "b-1", "b-2", "c-1", "c-2"]));
    expect(await harness.read(harness.names.deadLetters("items"))).toEqual([]);
  });
});
