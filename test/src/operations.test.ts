import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { Http2SessionManager, createGrpcTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { DataReader } from "@apispool/contracts/apispool/v1/data_reader_pb.js";
import { WorkerControl } from "@apispool/contracts/apispool/v1/worker_control_pb.js";
import { RetryInfoSchema } from "@apispool/contracts/google/rpc/error_details_pb.js";
import { isServing } from "@apispool/launcher/health.js";
import { Following } from "@apispool/reader/testing/following.js";
import { type TestStack, startTestStack } from "./harness/stack.js";
import { getData, postWorker } from "./support/data-client.js";
import { scrape, sum } from "./support/open-metrics.js";
import { OtlpReceiver } from "./support/otlp-receiver.js";
import { Upstream } from "./support/upstream.js";
import { eventually } from "./support/wait.js";

const SECRET = "a-secret-that-nobody-may-see";

/** What a running Apispool tells of itself, and how it ends: real processes, a real Kafka, a real receiver of traces. */
describe("operations", () => {
  const sessions: Http2SessionManager[] = [];
  let receiver: OtlpReceiver;
  let upstream: Upstream;
  let stack: TestStack;

  beforeAll(async () => {
    [receiver, upstream] = await Promise.all([OtlpReceiver.start(), Upstream.start()]);
    upstream.add(30);
    const telemetry = {
      OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint,
      OTEL_BSP_SCHEDULE_DELAY: "100",
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
    };
    stack = await startTestStack({
      sourceUrl: `${upstream.url}?key=${SECRET}`,
      sourceName: "items",
      metrics: true,
      serviceEnv: {
        ingestor: { ...telemetry, SOURCE_HEADERS: JSON.stringify({ authorization: `Bearer ${SECRET}` }) },
        reader: telemetry,
        gateway: telemetry,
      },
    });
    await postWorker(stack.gatewayUrl, { command: "start" });
    await eventually(async () => {
      expect((await getData(stack.gatewayUrl, "reader=first&ack=manual")).records.length).toBe(30);
    });
  }, 120_000);

  afterAll(async () => {
    for (const session of sessions) session.abort();
    await stack?.stop();
    await receiver?.stop();
    await upstream?.[Symbol.asyncDispose]();
  }, 60_000);

  const transportTo = (address: string) => {
    const baseUrl = address.startsWith("http") ? address : `http://${address}`;
    const sessionManager = new Http2SessionManager(baseUrl);
    sessions.push(sessionManager);
    return createGrpcTransport({ baseUrl, sessionManager });
  };

  const [GATEWAY, INGESTOR, READER] = [0, 1, 2] as const;
  const metricsOf = async (service: number) => scrape(stack.metricsAddresses[service] ?? "");

  it("counts what the ingestor, the reader and the gateway do", async () => {
    await getData(stack.gatewayUrl, "reader=counted");
    await fetch(`${stack.gatewayUrl}/no/such/${SECRET}`);
    const ingestor = (await metricsOf(INGESTOR)).values;
    expect(sum(ingestor, "apispool_records_written_total", { source: "items" })).toBe(30);
    expect(sum(ingestor, "apispool_polls_total", { source: "items", outcome: "news" })).toBeGreaterThan(0);
    expect(sum(ingestor, "apispool_transaction_duration_seconds_count", { outcome: "ok" })).toBeGreaterThan(0);
    expect(sum(ingestor, "apispool_ready")).toBe(1);
    expect(sum(ingestor, "apispool_kafka_request_duration_seconds_count", { operation: "produce" })).toBeGreaterThan(0);
    expect(sum(ingestor, "apispool_rpc_duration_seconds_count", { method: "Start", code: "ok" })).toBe(1);
    await eventually(async () => {
      const reader = (await metricsOf(READER)).values;
      expect(sum(reader, "apispool_records_delivered_total", { source: "items" })).toBeGreaterThanOrEqual(60);
      expect(sum(reader, "apispool_reader_unread_records", { reader: "first" })).toBe(30);
      expect(sum(reader, "apispool_reader_oldest_unread_seconds", { reader: "first" })).toBeGreaterThan(0);
      expect(sum(reader, "apispool_fetch_first_batch_seconds_count", { mode: "fetch" })).toBeGreaterThan(1);
    });
    const gateway = (await metricsOf(GATEWAY)).values;
    const answered = { route: "/data", method: "GET", protocol: "json", code: "200" };
    expect(sum(gateway, "apispool_http_request_duration_seconds_count", answered)).toBeGreaterThan(1);
    expect(sum(gateway, "apispool_http_request_duration_seconds_count", { route: "other", code: "404" })).toBe(1);
    expect(sum(gateway, "nodejs_eventloop_utilization_ratio")).toBeGreaterThan(0);
    expect(sum(gateway, "apispool_network_bytes_total", { direction: "sent" })).toBeGreaterThan(1000);
  }, 60_000);

  it("shows one trace from the poll to the delivery, and no secret anywhere", async () => {
    const parent = { traceId: "0af7651916cd43dd8448eb211c80319c", spanId: "b7ad6b7169203331" };
    const headers = { traceparent: `00-${parent.traceId}-${parent.spanId}-01` };
    expect((await fetch(`${stack.gatewayUrl}/data?reader=traced`, { headers })).status).toBe(200);
    await eventually(() => {
      const deliver = receiver.spans.find(({ name, traceId }) => name === "deliver" && traceId === parent.traceId);
      // Upwards: the hand-over is a part of the reader's call, that one of the gateway's request, and that of the client's.
      const call = receiver.byId(deliver?.parentSpanId);
      expect(call).toMatchObject({ service: "reader", name: "apispool.v1.DataReader/FetchUnread" });
      const request = receiver.byId(call?.parentSpanId);
      expect(request).toMatchObject({ service: "gateway", name: "GET /data", parentSpanId: parent.spanId });
      // Back in time: to the transaction that wrote the records, and to its poll, which asked the API.
      const write = receiver.byId(deliver?.links[0]?.spanId);
      expect(write).toMatchObject({ service: "ingestor", name: "write items", traceId: deliver?.links[0]?.traceId });
      const poll = receiver.byId(write?.parentSpanId);
      expect(poll).toMatchObject({ service: "ingestor", name: "poll items", parentSpanId: "" });
      const asked = receiver.spans.find(({ name, parentSpanId }) => name === "GET" && parentSpanId === poll?.spanId);
      expect(asked?.attributes).toMatchObject({ "http.response.status_code": 200 });
    });
    const scrapes = await Promise.all(stack.metricsAddresses.map(async (address) => (await scrape(address)).text));
    expect(JSON.stringify([receiver.spans, scrapes])).not.toContain(SECRET);
  }, 60_000);

  /** A status that clients repeat by themselves, with how long to wait before. */
  const expectRepeatable = (failure: unknown): void => {
    expect(failure).toBeInstanceOf(ConnectError);
    const error = failure as ConnectError;
    expect(error.code).toBe(Code.Unavailable);
    expect(error.findDetails(RetryInfoSchema)).toHaveLength(1);
  };

  /** A live tail of each reader name, at `place`. */
  const tailsAt = (place: string, names: readonly string[]): Following[] => {
    const client = createClient(DataReader, transportTo(place));
    const start = { at: { case: "earliest", value: {} } } as const;
    return names.map((reader) => new Following(client, { reader, start }));
  };

  /** The gateway and the ingestor together; the reader, which has to put on record what the gateway's clients have, for itself. */
  it.each([{ victims: ["gateway", "ingestor"] }, { victims: ["reader"] }] as const)(
    "SIGTERM under load: $victims ends in order, and streams so that clients repeat",
    async ({ victims }) => {
      upstream.grow(5, 20);
      const direct = victims[0] === "reader";
      const names = [0, 1, 2].map((i) => `until-${victims[0]}-${i}`);
      const tails = tailsAt(direct ? stack.readerAddress : stack.gatewayUrl, names);
      const watching = createClient(WorkerControl, transportTo(stack.ingestorAddress)).watchStatus({});
      const watched = (async () => {
        for await (const _ of watching);
      })().catch((error: unknown) => error);
      await Promise.all(tails.map(async (tail) => tail.untilCount(40)));
      const processes = victims.map((victim) => stack.process(victim));
      const before = processes.map(({ restarts }) => restarts);
      for (const process of processes) process.kill("SIGTERM");
      for (const tail of tails) expectRepeatable(await tail.ended());
      if (!direct) expectRepeatable(await watched);
      await eventually(() => expect(processes.map(({ restarts }) => restarts)).toEqual(before.map((n) => n + 1)));
      expect(processes.map(({ lastDeath }) => lastDeath)).toEqual(victims.map(() => "exit code 0"));
      await stack.ready();
      upstream.stopGrowing();
      // What the client has was put on record before the process went: the next one goes on behind it. (The gateway, which has to
      // ask a reader for that, may not have come to it on a busy machine: then it comes again.)
      const client = createClient(DataReader, transportTo(stack.gatewayUrl));
      for (const [i, tail] of direct ? tails.entries() : []) {
        const { reader } = await client.getReader({ reader: names[i] ?? "" });
        const next = Number(reader?.positions[0]?.offset);
        expect(next).toBeGreaterThan(Number(tail.records.at(-1)?.offset ?? Number.NaN));
      }
      // The log is whole: every version once, in order.
      const truth = upstream.history.map(({ id, version }) => `${id}/${version}`);
      await eventually(async () => {
        const { records } = await getData(stack.gatewayUrl, "reader=all&since=earliest");
        expect(records.map(({ data }) => `${data.id}/${data.version}`)).toEqual(truth);
      });
    },
    60_000,
  );

  it("without Kafka nothing is ready and everything is alive; it ends in order all the same", async () => {
    const grpc = [stack.ingestorAddress, stack.readerAddress, stack.gatewayUrl.replace("http://", "")];
    const probes = [...stack.metricsAddresses.map((address) => `http://${address}`), stack.gatewayUrl];
    const statuses = async (path: string) =>
      Promise.all(probes.map(async (probe) => (await fetch(`${probe}${path}`)).status));
    expect(await statuses("/readyz")).toEqual([200, 200, 200, 200]);
    stack.process("kafka").killNow();
    await eventually(async () => expect(await statuses("/readyz")).toEqual([503, 503, 503, 503]));
    expect(await statuses("/livez")).toEqual([200, 200, 200, 200]);
    expect(await Promise.all(grpc.map(async (address) => isServing(address)))).toEqual([false, false, false]);
    const [, ingestorAddress = "", readerAddress = ""] = stack.metricsAddresses;
    for (const address of [ingestorAddress, readerAddress]) {
      const problem = (await (await fetch(`http://${address}/readyz`)).json()) as { detail: string };
      expect(problem.detail).toContain("Kafka");
    }
    const processes = (["gateway", "reader", "ingestor"] as const).map((service) => stack.process(service));
    const before = processes.map(({ restarts }) => restarts);
    for (const process of processes) process.kill("SIGTERM");
    await eventually(() => expect(processes.map(({ restarts }) => restarts)).toEqual(before.map((n) => n + 1)));
    expect(processes.map(({ lastDeath }) => lastDeath)).toEqual(processes.map(() => "exit code 0"));
  }, 60_000);
});
