import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-web";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { DataReader } from "@apispool/contracts/apispool/v1/data_reader_pb.js";
import { WorkerControl } from "@apispool/contracts/apispool/v1/worker_control_pb.js";
import { findGrpcurl } from "./harness/grpcurl.js";
import { type TestStack, startTestStack } from "./harness/stack.js";
import { getData, postWorker } from "./support/data-client.js";
import { Upstream } from "./support/upstream.js";
import { eventually } from "./support/wait.js";

const run = promisify(execFile);

describe("the main job, as a person types it", () => {
  let upstream: Upstream;
  let stack: TestStack;

  beforeAll(async () => {
    upstream = await Upstream.start();
    upstream.add(20);
    stack = await startTestStack({ sourceUrl: upstream.url, sourceName: "items" });
  }, 120_000);

  afterAll(async () => {
    await stack?.stop();
    await upstream?.[Symbol.asyncDispose]();
  }, 60_000);

  it("has nothing before the start, as a 200 with an empty list", async () => {
    expect(await getData(stack.gatewayUrl, "reader=early")).toMatchObject({ records: [], gaps: [] });
  });

  it("starts, and says so; a second start changes nothing, and says so", async () => {
    const first = await postWorker(stack.gatewayUrl, { command: "start" });
    expect(first).toMatchObject({
      status: 200,
      body: { sources: [{ source: "items", changed: true, desiredState: "STARTED" }] },
    });
    const second = await postWorker(stack.gatewayUrl, { command: "start" });
    expect(second).toMatchObject({ status: 200, body: { sources: [{ source: "items", changed: false }] } });
  });

  it("hands a reader everything once and in order, then only what is newer, then nothing", async () => {
    const seen: string[] = [];
    const take = async (reader: string): Promise<string[]> =>
      (await getData(stack.gatewayUrl, `reader=${reader}`)).records.map((r) => `${r.data.id}/${r.data.version}`);
    await eventually(async () => {
      seen.push(...(await take("me")));
      expect(seen.length).toBe(20);
    });
    upstream.add(3);
    upstream.revise("item-5");
    await eventually(async () => {
      seen.push(...(await take("me")));
      expect(seen.length).toBe(24);
    });
    // The revised item stands before the new ones in the upstream's answer; within one poll order is the upstream's.
    expect(new Set(seen)).toEqual(new Set(upstream.history.map((i) => `${i.id}/${i.version}`)));
    expect(seen.slice(0, 20)).toEqual(upstream.history.slice(0, 20).map((i) => `${i.id}/${i.version}`));
    expect(await take("me")).toEqual([]);
    expect(await take("other")).toEqual(seen);
  });

  it("stops: no further record comes", async () => {
    expect(await postWorker(stack.gatewayUrl, { command: "stop" })).toMatchObject({
      status: 200,
      body: { sources: [{ source: "items", changed: true, desiredState: "STOPPED", actualState: "STOPPED" }] },
    });
    const before = upstream.requests;
    upstream.add(5);
    await new Promise((resolve) => setTimeout(resolve, 1500));
    expect(upstream.requests).toBe(before);
    expect((await getData(stack.gatewayUrl, "reader=me")).records).toEqual([]);
    await postWorker(stack.gatewayUrl, { command: "start" });
    await eventually(async () => {
      expect((await getData(stack.gatewayUrl, "reader=after-stop&ack=manual")).records.length).toBe(29);
    });
  });

  it("serves NDJSON, a record a line", async () => {
    const response = await fetch(`${stack.gatewayUrl}/data?reader=lines`, {
      headers: { accept: "application/x-ndjson" },
    });
    expect(response.headers.get("content-type")).toContain("application/x-ndjson");
    expect(response.headers.get("cache-control")).toBe("no-store");
    const lines = (await response.text()).trimEnd().split("\n");
    expect(lines.map((line) => (JSON.parse(line) as { id: string }).id).length).toBe(29);
  });

  it.each([
    ["an unknown command", { command: "fly" }, "application/json", 400, /start.*stop/],
    ["no body", "", "application/json", 400, /command|body/],
    ["broken JSON", '{"command":', "application/json", 400, /JSON/],
    ["a number", "7", "application/json", 400, /object/],
    ["an array", "[]", "application/json", 400, /object/],
    ["an unknown field", { command: "start", speed: 3 }, "application/json", 400, /speed/],
    ["an unknown source", { command: "start", sources: ["nope"] }, "application/json", 404, /nope.*items/s],
    ["a wrong content type", '{"command":"start"}', "text/plain", 415, /application\/json/],
    ["10 MB of body", JSON.stringify({ command: "x".repeat(10_000_000) }), "application/json", 413, /1/],
  ])("answers %s with a problem that says what is allowed", async (_what, body, type, status, text) => {
    const answer = await postWorker(stack.gatewayUrl, body, type);
    expect(answer.status).toBe(status);
    expect(answer.type).toContain("application/problem+json");
    expect(JSON.stringify(answer.body)).toMatch(text);
    expect(JSON.stringify(answer.body)).not.toMatch(/at .*\.js:\d+/);
  });

  describe("without any .proto file", () => {
    it("answers grpcurl on the gateway and on each service", async () => {
      const grpcurl = await findGrpcurl();
      if (grpcurl === undefined) {
        console.warn("grpcurl cannot be had here (no Go): not tested");
        return;
      }
      const call = async (...args: string[]): Promise<string> => (await run(grpcurl, ["-plaintext", ...args])).stdout;
      const gateway = new URL(stack.gatewayUrl).host;
      for (const address of [gateway, stack.ingestorAddress]) {
        expect(await call(address, "list")).toContain("apispool.v1.WorkerControl");
        expect(await call(address, "apispool.v1.WorkerControl/GetStatus")).toContain('"source": "items"');
      }
      for (const address of [gateway, stack.readerAddress]) {
        expect(await call(address, "describe", "apispool.v1.DataReader")).toContain("FetchUnread");
        expect(await call(address, "grpc.health.v1.Health/Check")).toContain("SERVING");
      }
      expect(await call(gateway, "apispool.v1.WorkerControl/Stop")).toContain('"DESIRED_STATE_STOPPED"');
      expect(await call(gateway, "apispool.v1.WorkerControl/Start")).toContain('"DESIRED_STATE_STARTED"');
      for (const [address, reader] of [
        [gateway, "grpcurl"],
        [stack.readerAddress, "grpcurl-direct"],
      ] as const) {
        const fetchOnce = (): Promise<string> =>
          call("-d", JSON.stringify({ reader }), address, "apispool.v1.DataReader/FetchUnread");
        expect((await fetchOnce()).match(/"offset"|"id": "item-/g)?.length).toBeGreaterThan(20);
        // The first client has gone in order, so what it received is not sent again.
        expect(await fetchOnce()).not.toContain('"id": "item-');
      }
    });

    it.each([
      ["gRPC-Web", createGrpcWebTransport],
      ["Connect", createConnectTransport],
    ])("answers %s, streams included", async (_name, createTransport) => {
      const transport = createTransport({ baseUrl: stack.gatewayUrl });
      const { sources } = await createClient(WorkerControl, transport).getStatus({});
      expect(sources).toMatchObject([{ source: "items" }]);
      const ids: string[] = [];
      const reader = `web-${_name}`;
      for await (const { records } of createClient(DataReader, transport).fetchUnread({ reader, limit: 4n })) {
        ids.push(...records.map(({ id }) => id));
      }
      expect(ids).toEqual(["item-0", "item-1", "item-2", "item-3"]);
    });

    it("answers Connect's JSON by plain POST", async () => {
      const response = await fetch(`${stack.gatewayUrl}/apispool.v1.WorkerControl/GetStatus`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: "{}",
      });
      expect(await response.json()).toMatchObject({ sources: [{ source: "items" }] });
    });
  });

  it("says that it is ready, and what is not there", async () => {
    expect((await fetch(`${stack.gatewayUrl}/readyz`)).status).toBe(200);
    const missing = await fetch(`${stack.gatewayUrl}/nothing`);
    expect(missing.status).toBe(404);
    expect(missing.headers.get("content-type")).toContain("application/problem+json");
  });
});
