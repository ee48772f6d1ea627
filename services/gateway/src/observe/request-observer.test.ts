import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { Code, createClient } from "@connectrpc/connect";
import {
  Http2SessionManager,
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from "@connectrpc/connect-node";
import { DataReader } from "@apispool/contracts/apispool/v1/data_reader_pb.js";
import { WorkerControl } from "@apispool/contracts/apispool/v1/worker_control_pb.js";
import { rpcError } from "@apispool/common/errors.js";
import { freePort } from "@apispool/common/free-port.js";
import { Harness, eventually } from "../testing/harness.js";

describe("what the gateway counts", () => {
  let harness: Harness;
  let session: Http2SessionManager;
  let metricsUrl: string;

  beforeEach(async () => {
    const address = `127.0.0.1:${await freePort()}`;
    metricsUrl = `http://${address}/metrics`;
    harness = await Harness.start({ telemetry: { metrics: { address, anyPort: false }, tracing: undefined } });
    session = new Http2SessionManager(harness.url);
  });
  afterEach(async () => {
    session.abort();
    await harness.stop();
  });

  const text = async (): Promise<string> => (await fetch(metricsUrl)).text();
  /** The number of a series; undefined where there is none. */
  const valueOf = async (series: string): Promise<number | undefined> => {
    const line = (await text()).split("\n").find((some) => some.startsWith(`${series} `));
    return line === undefined ? undefined : Number(line.slice(series.length + 1));
  };
  const counted = (route: string, method: string, protocol: string, code: string): string =>
    `apispool_http_request_duration_seconds_count{route="${route}",method="${method}",protocol="${protocol}",code="${code}"}`;

  it("every request, by the route that it took and not by what was asked for", async () => {
    harness.reader.add(['{"n":1}']);
    await (await fetch(`${harness.url}/data?reader=me`)).text();
    await fetch(`${harness.url}/data/readers/a-name-of-my-own`);
    for (let i = 0; i < 20; i += 1) await fetch(`${harness.url}/made-up/${i}`);
    await fetch(`${harness.url}/worker`, { method: "PROPFIND" });
    await eventually(async () => (await valueOf(counted("/data", "GET", "json", "200"))) === 1);
    expect(await valueOf(counted("other", "GET", "json", "404"))).toBe(20);
    expect(await valueOf(counted("/worker", "other", "json", "405"))).toBe(1);
    const all = await text();
    expect(all).toContain('route="/data/readers/{name}"');
    expect(all).not.toMatch(/made-up|a-name-of-my-own/);
    await eventually(async () => (await valueOf('apispool_receipts_total{outcome="received"}')) === 1);
    expect(await valueOf("apispool_batches_forwarded_total")).toBe(1);
  });

  it("RPCs by their status, whatever the protocol", async () => {
    const { typeName } = WorkerControl;
    const path = (name: string): string => `/${typeName}/${name}`;
    const transports = {
      grpc: createGrpcTransport({ baseUrl: harness.url, sessionManager: session }),
      grpc_web: createGrpcWebTransport({ baseUrl: harness.url, httpVersion: "1.1" }),
      connect: createConnectTransport({ baseUrl: harness.url, httpVersion: "1.1" }),
    };
    harness.reader.failAfter = { records: 0, error: rpcError(Code.Unavailable, "KAFKA_UNAVAILABLE", "away") };
    for (const [protocol, transport] of Object.entries(transports)) {
      await createClient(WorkerControl, transport).getStatus({});
      await eventually(async () => (await valueOf(counted(path("GetStatus"), "POST", protocol, "ok"))) === 1);
      const fetched = createClient(DataReader, transport).fetchUnread({ reader: protocol });
      await expect(fetched[Symbol.asyncIterator]().next()).rejects.toThrow("away");
      const failed = counted(`/${DataReader.typeName}/FetchUnread`, "POST", protocol, "unavailable");
      await eventually(async () => (await valueOf(failed)) === 1);
    }
  });

  it("what is open while it is open, and clients that go as what they are", async () => {
    const gone = new AbortController();
    const stream = await fetch(`${harness.url}/data?reader=me&follow=true`, {
      headers: { accept: "application/x-ndjson" },
      signal: gone.signal,
    });
    expect(stream.status).toBe(200);
    expect(await valueOf('apispool_http_requests_open{protocol="json"}')).toBe(1);
    await eventually(async () => (await valueOf("apispool_upstream_fetches_open")) === 1);
    expect(await valueOf('apispool_connections{protocol="http1"}')).toBeGreaterThan(0);
    gone.abort();
    await eventually(async () => (await valueOf(counted("/data", "GET", "json", "aborted"))) === 1);
    expect(await valueOf('apispool_http_requests_open{protocol="json"}')).toBe(0);
    await eventually(async () => (await valueOf("apispool_upstream_fetches_open")) === 0);
    expect(await valueOf('apispool_network_bytes_total{direction="sent"}')).toBeGreaterThan(100);
  });
});
