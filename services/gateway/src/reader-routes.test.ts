import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import type { Problem } from "./problem.js";
import { Harness } from "./testing/harness.js";

const json = { "content-type": "application/json" };

describe("the readers over HTTP", () => {
  let harness: Harness;
  beforeEach(async () => {
    harness = await Harness.start();
    harness.reader.add(['{"n":0}', '{"n":1}', '{"n":2}']);
    harness.reader.positions.set("b", 3);
    harness.reader.positions.set("a", 1);
  });
  afterEach(() => harness.stop());

  const seek = (body: unknown): Promise<Response> =>
    fetch(`${harness.url}/data/seek`, { method: "POST", headers: json, body: JSON.stringify(body) });

  const a = {
    name: "a",
    positions: [{ source: "quakes", partition: 0, offset: 1 }],
    unread: 2,
    unreadIsEstimate: false,
    oldestUnreadAt: "2023-11-14T22:13:20.000Z",
    lastActivityAt: null,
  };

  it("are listed, shown and deleted", async () => {
    const list = await fetch(`${harness.url}/data/readers`);
    expect(list.headers.get("cache-control")).toBe("no-store");
    expect(await list.json()).toMatchObject({ readers: [a, { name: "b", unread: 0, oldestUnreadAt: null }] });
    expect(await (await fetch(`${harness.url}/data/readers/a`)).json()).toEqual(a);
    const deleted = await fetch(`${harness.url}/data/readers/a`, { method: "DELETE" });
    expect([deleted.status, await deleted.text()]).toEqual([204, ""]);
    for (const method of ["GET", "DELETE"]) {
      const missing = await fetch(`${harness.url}/data/readers/a`, { method });
      expect([missing.status, missing.headers.get("content-type")]).toEqual([404, "application/problem+json"]);
      expect(await missing.json()).toMatchObject({ code: "not_found", reason: "UNKNOWN_READER" });
    }
  });

  it("say what they can", async () => {
    const allow = async (path: string): Promise<string | null> =>
      (await fetch(`${harness.url}${path}`, { method: "OPTIONS" })).headers.get("allow");
    expect(await allow("/data/readers")).toBe("GET, HEAD, OPTIONS");
    expect(await allow("/data/readers/x")).toBe("DELETE, GET, HEAD, OPTIONS");
    expect(await allow("/data/seek")).toBe("OPTIONS, POST");
    expect(await allow("/worker/events")).toBe("GET, HEAD, OPTIONS");
    expect((await fetch(`${harness.url}/data/readers?x=1`)).status).toBe(400);
    expect((await fetch(`${harness.url}/data/readers/`)).status).toBe(404);
    expect((await fetch(`${harness.url}/data/readers/%zz`)).status).toBe(404);
  });

  it.each([
    ["earliest", { case: "earliest" }, 0],
    ["latest", { case: "latest" }, 3],
    ["2026-11-24T12:00:00+01:00", { case: "timestamp", value: { seconds: 1_795_518_000n } }, 0],
    [{ cursor: "c2" }, { case: "cursor", value: "c2" }, 2],
    [
      { offsets: [{ source: "quakes", partition: 0, offset: 0 }] },
      { case: "offsets", value: { positions: [{ source: "quakes", partition: 0, offset: 0n }] } },
      0,
    ],
  ])("seek to %j", async (to, asked, offset) => {
    const answer = await seek({ reader: "a", to });
    expect(answer.status).toBe(200);
    expect(await answer.json()).toEqual({ positions: [{ source: "quakes", partition: 0, offset }] });
    expect(harness.reader.seeks).toMatchObject([{ reader: "a", to: asked, sources: [] }]);
    expect(harness.reader.positionOf("a")).toBe(offset);
  });

  it("seek in some sources, and as the default reader", async () => {
    expect((await seek({ to: "latest", sources: ["quakes"] })).status).toBe(200);
    expect(harness.reader.seeks).toMatchObject([{ reader: "", sources: ["quakes"] }]);
  });

  it.each([
    [{}, ["to"]],
    [{ to: "soon" }, ["to"]],
    [{ to: 5 }, ["to"]],
    [{ to: null }, ["to"]],
    [{ to: [] }, ["to"]],
    [{ to: {} }, ["to"]],
    [{ to: { cursor: "c1", offsets: [] } }, ["to"]],
    [{ to: { earliest: {} } }, ["to"]],
    [{ to: { cursor: 5 } }, ["to.cursor"]],
    [{ to: { cursor: "nonsense" } }, ["to.cursor"]],
    [{ to: { offsets: [] } }, ["to.offsets"]],
    [{ to: { offsets: "x" } }, ["to.offsets"]],
    [{ to: { offsets: [5] } }, ["to.offsets[0]"]],
    [
      { to: { offsets: [{ source: "", partition: -1, offset: 1.5, x: 1 }] } },
      ["to.offsets[0].x", "to.offsets[0].source", "to.offsets[0].partition", "to.offsets[0].offset"],
    ],
    [{ to: { offsets: [{ source: "x", partition: 0, offset: 2 ** 60 }] } }, ["to.offsets[0].offset"]],
    [{ to: { offsets: [{ source: "x", partition: 0, offset: 0 }] } }, ["to.offsets[0]"]],
    [{ to: { cursor: "c1" }, sources: ["quakes"] }, ["sources"]],
    [{ to: "latest", sources: "quakes" }, ["sources"]],
    [{ to: "latest", sources: ["quakes", 5] }, ["sources[1]"]],
    [{ to: "latest", reader: 5, speed: 3 }, ["speed", "reader"]],
  ])("refuse to seek with %j", async (body, fields) => {
    const answer = await seek(body);
    expect(answer.status).toBe(400);
    const problem = (await answer.json()) as Problem;
    expect(problem.errors?.map(({ field }) => field)).toEqual(fields);
    expect(harness.reader.positionOf("a")).toBe(1);
  });
});
