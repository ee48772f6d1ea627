import { once } from "node:events";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { create, toBinary } from "@bufbuild/protobuf";
import { type Client, Code, ConnectError, createClient } from "@connectrpc/connect";
import { Http2SessionManager, createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import {
  AckMode,
  DataReader,
  FetchUnreadRequestSchema,
  type FetchUnreadResponse,
} from "@apispool/contracts/apispool/v1/data_reader_pb.js";
import { WorkerControl } from "@apispool/contracts/apispool/v1/worker_control_pb.js";
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from "@apispool/contracts/google/rpc/error_details_pb.js";
import { ServerReflection } from "@apispool/contracts/grpc/reflection/v1/reflection_pb.js";
import { ServerReflection as ServerReflectionV1Alpha } from "@apispool/contracts/grpc/reflection/v1alpha/reflection_pb.js";
import { Health, HealthCheckResponse_ServingStatus as Status } from "@apispool/contracts/health/v1/health_pb.js";
import { invalidArgument, rpcError } from "@apispool/common/errors.js";
import { Harness, curl, eventually } from "./testing/harness.js";
import { RawClient, envelope } from "./testing/raw-client.js";

const records = (count: number): string[] => Array.from({ length: count }, (_, index) => `{"n":${index}}`);

async function failure(call: Promise<unknown>): Promise<ConnectError> {
  return call.then(
    () => Promise.reject(new Error("it did not fail")),
    (error: unknown) => ConnectError.from(error),
  );
}

async function collect(stream: AsyncIterable<FetchUnreadResponse>): Promise<FetchUnreadResponse[]> {
  const batches: FetchUnreadResponse[] = [];
  for await (const batch of stream) batches.push(batch);
  return batches;
}

describe("the services over gRPC, gRPC-Web and Connect", () => {
  let harness: Harness;
  let session: Http2SessionManager;
  let reader: Client<typeof DataReader>;
  let worker: Client<typeof WorkerControl>;

  const grpc = () => createGrpcTransport({ baseUrl: harness.url, sessionManager: session });

  beforeEach(async () => {
    harness = await Harness.start();
    session = new Http2SessionManager(harness.url);
    reader = createClient(DataReader, grpc());
    worker = createClient(WorkerControl, grpc());
  });
  afterEach(async () => {
    session.abort();
    await harness.stop();
  });

  it("hands calls and answers on, the request id with them", async () => {
    let answered: string | null = null;
    const call = { headers: { "x-request-id": "abc-1" }, onHeader: (h: Headers) => (answered = h.get("x-request-id")) };
    const { sources } = await worker.start({ sources: ["quakes"] }, call);
    expect(sources).toMatchObject([{ source: "quakes", changed: true }]);
    expect(harness.ingestor.contexts[0]?.requestId).toBe("abc-1");
    expect(answered).toBe("abc-1");
  });

  it("keeps code, text and details of an upstream error", async () => {
    harness.reader.failAfter = {
      records: 0,
      error: rpcError(Code.Aborted, "READER_BUSY", "held", { retryAfterMs: 1500, metadata: { by: "x" } }),
    };
    const busy = await failure(collect(reader.fetchUnread({})));
    expect(busy).toMatchObject({ code: Code.Aborted, rawMessage: "held" });
    expect(busy.findDetails(ErrorInfoSchema)).toMatchObject([{ reason: "READER_BUSY", metadata: { by: "x" } }]);
    expect(busy.findDetails(RetryInfoSchema)).toMatchObject([{ retryDelay: { seconds: 1n, nanos: 500_000_000 } }]);
    harness.reader.failAfter = { records: 0, error: invalidArgument([{ field: "limit", problem: "is odd" }]) };
    const invalid = await failure(collect(reader.fetchUnread({})));
    expect(invalid.findDetails(BadRequestSchema)).toMatchObject([{ fieldViolations: [{ field: "limit" }] }]);
  });

  it("keeps the deadline", async () => {
    const error = await failure(collect(reader.fetchUnread({ wait: { seconds: 60n } }, { timeoutMs: 200 })));
    expect(error.code).toBe(Code.DeadlineExceeded);
    await eventually(() => harness.reader.contexts[0]?.signal.aborted === true);
  });

  it("hands a cancellation on", async () => {
    const controller = new AbortController();
    const call = collect(reader.fetchUnread({ wait: { seconds: 60n } }, { signal: controller.signal }));
    await eventually(() => harness.reader.held === 1);
    controller.abort();
    expect((await failure(call)).code).toBe(Code.Canceled);
    await eventually(() => harness.reader.held === 0);
  });

  it("acknowledges what a client has received, which stays connected", async () => {
    harness.reader.add(records(250));
    const batches = await collect(reader.fetchUnread({ reader: "a" }));
    expect(batches.map((batch) => batch.records.length)).toEqual([100, 100, 50]);
    await eventually(() => harness.reader.positionOf("a") === 250);
    expect(harness.reader.requests[0]?.ack).toBe(AckMode.LEASE);
    expect((await collect(reader.fetchUnread({ reader: "a" }))).flatMap((batch) => batch.records)).toEqual([]);
  });

  it("does not acknowledge what a client cancelled in the middle", async () => {
    harness.reader.add(Array.from({ length: 5000 }, (_, n) => JSON.stringify({ n, text: "x".repeat(1000) })));
    const controller = new AbortController();
    const iterator = reader.fetchUnread({ reader: "part" }, { signal: controller.signal })[Symbol.asyncIterator]();
    expect((await iterator.next()).value?.records).toHaveLength(100);
    controller.abort();
    await eventually(() => harness.reader.held === 0);
    expect(harness.reader.positionOf("part")).toBe(0);
  });

  it("takes from upstream no more than its client takes, and cuts off one that takes nothing", async () => {
    await harness.stop();
    session.abort();
    harness = await Harness.start({ deliveryTimeoutMs: 1000 });
    harness.reader.add(Array.from({ length: 50_000 }, (_, n) => JSON.stringify({ n, text: "x".repeat(1000) })));
    session = new Http2SessionManager(harness.url);
    const iterator = createClient(DataReader, grpc()).fetchUnread({ reader: "idle" })[Symbol.asyncIterator]();
    expect((await iterator.next()).value?.records).toHaveLength(100);
    // Nothing more is read, and nothing is cancelled either.
    await eventually(() => harness.reader.held === 0);
    expect(harness.reader.sent).toBeLessThan(20_000);
    expect(harness.reader.positionOf("idle")).toBe(0);
  });

  it("does not acknowledge an answer that upstream broke off", async () => {
    harness.reader.add(records(300));
    harness.reader.failAfter = { records: 200, error: rpcError(Code.Unavailable, "KAFKA_UNAVAILABLE", "gone") };
    const error = await failure(collect(reader.fetchUnread({ reader: "broken" })));
    expect(error).toMatchObject({ code: Code.Unavailable, rawMessage: "gone" });
    expect(harness.reader.acknowledged).toEqual([]);
  });

  it.each([AckMode.MANUAL, AckMode.LEASE])("leaves acknowledging to the client in mode %i", async (ack) => {
    harness.reader.add(records(2));
    const iterator = reader.fetchUnread({ reader: "m", ack })[Symbol.asyncIterator]();
    const { value } = await iterator.next();
    expect(harness.reader.requests[0]?.ack).toBe(ack);
    expect(await reader.acknowledge({ reader: "m", cursor: String(value?.cursor) })).toMatchObject({ changed: true });
    expect(await iterator.next()).toMatchObject({ done: true });
    expect(harness.reader.acknowledged).toEqual(["c2"]);
  });

  it("acknowledges a live tail as it is taken", async () => {
    harness.reader.add(records(3));
    const controller = new AbortController();
    const tail = reader.fetchUnread({ reader: "tail", follow: true }, { signal: controller.signal });
    const iterator = tail[Symbol.asyncIterator]();
    expect((await iterator.next()).value?.records).toHaveLength(3);
    await eventually(() => harness.reader.positionOf("tail") === 3);
    harness.reader.add(records(1));
    expect((await iterator.next()).value?.records).toHaveLength(1);
    await eventually(() => harness.reader.positionOf("tail") === 4);
    controller.abort();
    await eventually(() => harness.reader.held === 0);
  });

  describe("a live tail over HTTP/1.1", () => {
    const open = async (name: string, bytes?: number): Promise<RawClient> => {
      harness.reader.add(records(3));
      const message = create(FetchUnreadRequestSchema, { reader: name, follow: true });
      const body = envelope(toBinary(FetchUnreadRequestSchema, message));
      const head =
        "POST /apispool.v1.DataReader/FetchUnread HTTP/1.1\r\nhost: x\r\n" +
        `content-type: application/connect+proto\r\ncontent-length: ${body.length}\r\n\r\n`;
      const request = Buffer.concat([Buffer.from(head), body]);
      return new RawClient({ port: harness.port, request, ...(bytes === undefined ? {} : { bytes }) });
    };

    it("is acknowledged at its orderly end", async () => {
      const client = await open("tail1");
      await client.until((received) => received.includes('{"n":2}'));
      await new Promise((resolve) => setTimeout(resolve, 50));
      expect(harness.reader.positionOf("tail1")).toBe(0);
      client.die();
      await eventually(() => harness.reader.positionOf("tail1") === 3);
      await eventually(() => harness.reader.held === 0);
    });

    it("is not acknowledged when it is cut", async () => {
      const client = await open("tail2", 40);
      await client.full();
      await new Promise((resolve) => setTimeout(resolve, 50));
      client.die();
      await eventually(() => harness.reader.held === 0);
      expect(harness.reader.acknowledged).toEqual([]);
    });
  });

  it("says which service is not there, and works again when it is back", async () => {
    const address = `127.0.0.1:${harness.reader.server?.port}`;
    await harness.reader.stop();
    const error = await failure(collect(reader.fetchUnread({})));
    expect(error.code).toBe(Code.Unavailable);
    expect(error.rawMessage).toContain(`the reader at ${address} cannot be reached`);
    expect(error.findDetails(ErrorInfoSchema)).toMatchObject([{ reason: "SERVICE_UNAVAILABLE" }]);
    const health = createClient(Health, grpc());
    await eventually(async () => (await health.check({})).status === Status.NOT_SERVING);
    expect((await worker.getStatus({})).sources).toHaveLength(1);
    await harness.reader.start(address);
    await eventually(async () => (await health.check({ service: DataReader.typeName })).status === Status.SERVING);
    expect(await collect(reader.fetchUnread({}))).toHaveLength(1);
  });

  it.each([
    ["v1", ServerReflection],
    ["v1alpha", ServerReflectionV1Alpha],
  ])("lists its services by reflection %s", async (_version, service) => {
    const client = createClient(service as typeof ServerReflection, grpc());
    async function* ask() {
      yield { messageRequest: { case: "listServices", value: "" } } as const;
    }
    for await (const { messageResponse } of client.serverReflectionInfo(ask())) {
      expect(messageResponse.case).toBe("listServicesResponse");
      if (messageResponse.case !== "listServicesResponse") continue;
      expect(messageResponse.value.service.map(({ name }) => name)).toEqual([
        "apispool.v1.WorkerControl",
        "apispool.v1.DataReader",
        "apispool.v1.RecordStore",
        "grpc.health.v1.Health",
        "grpc.reflection.v1.ServerReflection",
        "grpc.reflection.v1alpha.ServerReflection",
      ]);
    }
  });

  it("watches its health", async () => {
    const client = createClient(Health, grpc());
    const controller = new AbortController();
    const iterator = client.watch({}, { signal: controller.signal })[Symbol.asyncIterator]();
    expect((await iterator.next()).value?.status).toBe(Status.SERVING);
    harness.ingestor.health.setServing(false);
    expect((await iterator.next()).value?.status).toBe(Status.NOT_SERVING);
    controller.abort();
  });

  it("tells a gRPC client that there is no such method, in its own words", async () => {
    const { connect } = await import("node:http2");
    const connection = connect(harness.url);
    const stream = connection.request({
      ":method": "POST",
      ":path": "/apispool.v1.Nothing/Here",
      "content-type": "application/grpc",
    });
    stream.end();
    const [headers] = (await once(stream, "response")) as [Record<string, string>];
    expect(headers).toMatchObject({ ":status": 200, "grpc-status": "12" });
    connection.destroy();
  });

  it("answers Connect's JSON by curl, errors too", async () => {
    const post = (method: string, body: string): Promise<string> =>
      curl("-H", "content-type: application/json", "-d", body, `${harness.url}/apispool.v1.WorkerControl/${method}`);
    expect(JSON.parse(await post("Start", "{}"))).toMatchObject({ sources: [{ changed: true }] });
    expect(JSON.parse(await post("Start", '{"sources":["x"]}'))).toMatchObject({
      code: "not_found",
      details: [{ type: "google.rpc.ErrorInfo" }],
    });
  });

  it("speaks gRPC-Web by curl", async () => {
    const answer = await curl(
      "-H",
      "content-type: application/grpc-web+proto",
      "--data-binary",
      "@/dev/null",
      `${harness.url}/apispool.v1.WorkerControl/GetStatus`,
    );
    // An empty body is no message: gRPC-Web says so in its trailer.
    expect(answer).toContain("grpc-status: 12");
    const transport = createConnectTransport({ baseUrl: harness.url, httpVersion: "1.1" });
    expect((await createClient(WorkerControl, transport).getStatus({})).sources).toHaveLength(1);
  });

  it("refuses a message that is too large", async () => {
    const error = await failure(worker.start({ sources: ["x".repeat(2 * 1024 * 1024)] }));
    expect(error.code).toBe(Code.ResourceExhausted);
  });
});
