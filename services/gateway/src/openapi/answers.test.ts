import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { Code } from "@connectrpc/connect";
import { rpcError } from "@apispool/common/errors.js";
import { GapReason } from "@apispool/contracts/apispool/v1/data_reader_pb.js";
import { deviations } from "../testing/conforms.js";
import { Harness } from "../testing/harness.js";
import { operations } from "./document.js";

const json = { "content-type": "application/json" };
const posted = (body: unknown): RequestInit => ({ method: "POST", headers: json, body: JSON.stringify(body) });

describe("what the gateway answers", () => {
  let harness: Harness;
  /** What was asked, as `GET /data 200 application/json`. */
  const seen = new Set<string>();
  beforeAll(async () => {
    harness = await Harness.startWithStore({ heartbeatMs: 50 });
    harness.reader.add(['{"n":0}', "[1]", "null"]);
    harness.reader.deadLetters = [Buffer.from('{"mag":2}'), Buffer.from([0xff, 0x00])];
    harness.reader.positions.set("a", 1);
    for (let i = 0; i < 3; i += 1) harness.store.add("quakes", `q${i}`, `{"n":${i}}`);
  });
  afterAll(() => harness.stop());

  const ask = async (path: string, init: RequestInit = {}): Promise<string> => {
    const { method = "GET" } = init;
    const plain = path.replace(/\?.*/, "");
    const candidates = operations.filter(
      (one) => one.method === method && new RegExp(`^${one.path.replaceAll(/\{\w+\}/g, "[^/]+")}$`).test(plain),
    );
    const operation = candidates.find((one) => one.path === plain) ?? candidates[0];
    if (operation === undefined) throw new Error(`${method} ${plain} is not in the document`);
    const stop = new AbortController();
    const response = await fetch(`${harness.url}${path}`, { ...init, signal: stop.signal });
    const type = response.headers.get("content-type") ?? "";
    const text = type === "text/event-stream" && method !== "HEAD" ? await firstEvent(response) : await response.text();
    stop.abort();
    expect([path, deviations(operation, { status: response.status, type, text })]).toEqual([path, []]);
    seen.add(`${operation.method} ${operation.path} ${response.status} ${type.replace(/;.*/, "")}`.trimEnd());
    return text;
  };

  const events = { headers: { accept: "text/event-stream" } };
  const lines = { headers: { accept: "application/x-ndjson" } };

  it("is as the document says, answer by answer", async () => {
    await ask("/worker");
    await ask("/worker", posted({ command: "start" }));
    await ask("/worker", posted({ command: "test" }));
    await ask("/worker?source=nope&x=1");
    await ask("/worker", posted({ command: "start", sources: ["nope"] }));
    await ask("/worker", { method: "POST", headers: { "content-type": "text/plain" }, body: "{}" });
    await ask("/worker", posted({ command: "x".repeat(2 ** 21) }));
    await ask("/worker/events", events);
    await ask("/worker/events", { method: "HEAD", ...events });
    await ask("/worker/events", { headers: { accept: "application/json" } });
    await ask("/worker/dead-letters?limit=2");
    await ask("/worker/dead-letters?source=nope");

    harness.reader.gaps.push({
      source: "quakes",
      fromOffset: 1n,
      toOffset: 2n,
      reason: GapReason.EXPIRED,
      detail: "gone",
    });
    expect(await ask("/data?ack=manual")).toContain('"reason":"EXPIRED"');
    harness.reader.gaps.push({
      source: "quakes",
      fromOffset: 1n,
      toOffset: 2n,
      reason: GapReason.EXPIRED,
      detail: "gone",
    });
    expect(await ask("/data?ack=manual", lines)).toMatch(/"gap"[^]*"cursor"/);
    expect(await ask("/data?ack=manual", events)).toContain("data: {");
    await ask("/data", { headers: { accept: "text/csv" } });
    for (const { headers } of [{ headers: { accept: "application/json" } }, lines, events]) {
      await ask("/data", { method: "HEAD", headers });
      await ask("/data", { ...posted({ ack: "manual" }), headers: { ...json, ...headers } });
    }
    await ask("/data?since=nonsense");
    harness.reader.failAfter = { records: 0, error: rpcError(Code.Aborted, "READER_BUSY", "somebody has it") };
    await ask("/data");
    harness.reader.failAfter = { records: 0, error: rpcError(Code.Unavailable, "KAFKA_UNAVAILABLE", "gone") };
    await ask("/data", posted({}));
    expect(await ask("/data", events)).toContain("event: error");
    harness.reader.failAfter = undefined;

    await ask("/data/ack", posted({ reader: "a", cursor: "c2" }));
    await ask("/data/ack", posted({ reader: "a", cursor: "nonsense" }));
    await ask("/data/seek", posted({ reader: "a", to: "earliest" }));
    await ask("/data/readers");
    await ask("/data/readers/a");
    await ask("/data/readers/nobody");
    await ask("/data/readers/a%2Fb");
    await ask("/data/readers/a", { method: "DELETE" });

    for (const headers of [{ accept: "application/json" }, lines.headers, { accept: "text/csv" }]) {
      await ask("/records?limit=2", { headers });
      await ask("/records", { ...posted({ limit: 2, sources: ["quakes"] }), headers: { ...json, ...headers } });
      await ask("/records", { method: "HEAD", headers });
    }
    await ask("/records?where=%3F");
    await ask("/records?source=nope");
    await ask("/records/quakes/q1");
    await ask("/records/quakes/nothing");
    await ask("/records/count?by_source=true&bucket=day");
    await ask("/records/status");
    await ask("/records/rebuild", { method: "POST" });
    harness.store.failure = rpcError(Code.Unimplemented, "STORE_OFF", "off");
    await ask("/records/status");

    await ask("/");
    await ask("/", { headers: { accept: "text/html" } });
    await ask("/openapi.json");
    await ask("/docs");
    await ask("/livez");
    await ask("/readyz");
    harness.ingestor.health.setServing(false);
    while ((await fetch(`${harness.url}/readyz`)).status === 200)
      await new Promise((resolve) => setTimeout(resolve, 20));
    await ask("/readyz");
  });

  it("is at no path that the document does not know, but for the pages' own files", async () => {
    const { detail } = (await (await fetch(`${harness.url}/nowhere`)).json()) as { detail: string };
    const known = detail.replace(/^.*known are /, "").split(", ");
    // MCP has a protocol of its own.
    const files = ["/assets/{name}", "/docs/{name}", "/mcp"];
    expect(known.toSorted()).toEqual([...new Set([...operations.map(({ path }) => path), ...files])].toSorted());
  });

  it("has been seen in every form that is no error", () => {
    const documented = operations.flatMap(({ method, path, answers }) =>
      Object.entries(answers).flatMap(([status, { content }]) =>
        Object.keys(content ?? { "": {} }).map((type) => `${method} ${path} ${status} ${type}`.trimEnd()),
      ),
    );
    // What is answered to If-None-Match docs-routes.test.ts looks at.
    expect(documented.filter((one) => !seen.has(one) && !one.includes(" 304"))).toEqual([]);
  });
});

/** The first event that has data. */
async function firstEvent(response: Response): Promise<string> {
  let text = "";
  const decoder = new TextDecoder();
  for await (const piece of response.body ?? []) {
    text += decoder.decode(piece as Uint8Array, { stream: true });
    const end = text.lastIndexOf("\n\n");
    if (end > 0 && text.includes("data: ")) return text.slice(0, end + 2);
  }
  return text;
}
