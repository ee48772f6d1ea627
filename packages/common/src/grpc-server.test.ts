import { Code, ConnectError } from "@connectrpc/connect";
import * as grpc from "@grpc/grpc-js";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { createClient } from "@connectrpc/connect";
import { Http2SessionManager, createGrpcTransport } from "@connectrpc/connect-node";
import { DataReader } from "@apispool/contracts/apispool/v1/data_reader_pb.js";
import { WorkerControl } from "@apispool/contracts/apispool/v1/worker_control_pb.js";
import { BadRequestSchema, ErrorInfoSchema } from "@apispool/contracts/google/rpc/error_details_pb.js";
import { ServerReflection } from "@apispool/contracts/grpc/reflection/v1/reflection_pb.js";
import { Health, HealthCheckResponse_ServingStatus as Status } from "@apispool/contracts/health/v1/health_pb.js";
import { invalidArgument } from "./errors.js";
import { type CallContext, addService } from "./grpc-server.js";
import { HealthState } from "./health.js";
import { silentLogger } from "./logger.js";
import { type RunningServer, startGrpcService } from "./service-main.js";

const never = (): never => {
  throw new Error("not part of this test");
};

describe("a grpc-js server that speaks protobuf-es", () => {
  let server: RunningServer;
  let session: Http2SessionManager;
  let health: HealthState;
  let seen: CallContext | undefined;
  let produced = 0;
  let streamEnded: Promise<string>;

  beforeEach(async () => {
    produced = 0;
    let ended: (how: string) => void = never;
    streamEnded = new Promise((resolve) => (ended = resolve));
    health = new HealthState([WorkerControl.typeName]);
    server = await startGrpcService({
      log: silentLogger,
      health,
      address: "127.0.0.1:0",
      services: [WorkerControl, DataReader],
      register(grpcServer, options) {
        addService(
          grpcServer,
          WorkerControl,
          {
            start(request, context) {
              seen = context;
              if (request.sources.includes("bad")) {
                throw invalidArgument([{ field: "sources[0]", problem: "is bad; allowed is good" }]);
              }
              return { sources: request.sources.map((source) => ({ source, changed: true })) };
            },
            async stop(_request, { signal }) {
              return await new Promise((_resolve, reject) => {
                signal.addEventListener("abort", () => reject(signal.reason as Error));
              });
            },
            trySource: () => ({}),
            getStatus() {
              throw new TypeError("a secret of the inside");
            },
            async *watchStatus(_request, { signal }) {
              try {
                while (!signal.aborted) {
                  produced += 1;
                  yield { sources: [{ source: "x".repeat(65_536) }] };
                }
              } finally {
                ended(String((signal.reason as ConnectError | undefined)?.code));
              }
            },
          },
          options,
        );
      },
    });
    session = new Http2SessionManager(`http://127.0.0.1:${server.port}`);
  });

  afterEach(async () => {
    session.abort();
    await server.stop();
  });

  const transport = (): ReturnType<typeof createGrpcTransport> =>
    createGrpcTransport({ baseUrl: `http://127.0.0.1:${server.port}`, sessionManager: session });

  it("carries messages both ways, and the client's request id", async () => {
    const response = await createClient(WorkerControl, transport()).start(
      { sources: ["a", "b"] },
      { headers: { "x-request-id": "r-1" } },
    );
    expect(response.sources.map((s) => [s.source, s.changed])).toEqual([
      ["a", true],
      ["b", true],
    ]);
    expect(seen?.requestId).toBe("r-1");
  });

  it("replaces a request id that is not a sane one", async () => {
    await createClient(WorkerControl, transport()).start({}, { headers: { "x-request-id": "a b" } });
    expect(seen?.requestId).toMatch(/^[0-9a-f-]{36}$/);
  });

  it("sends errors with google.rpc details", async () => {
    const error = await createClient(WorkerControl, transport())
      .start({ sources: ["bad"] })
      .catch((e: unknown) => ConnectError.from(e));
    if (!(error instanceof ConnectError)) throw new Error("no error came");
    expect(error.code).toBe(Code.InvalidArgument);
    expect(error.findDetails(BadRequestSchema)[0]?.fieldViolations[0]).toMatchObject({
      field: "sources[0]",
      description: "is bad; allowed is good",
    });
    expect(error.findDetails(ErrorInfoSchema)[0]?.reason).toBe("INVALID_FIELD");
  });

  it("keeps the text of unexpected errors to itself", async () => {
    const error = await createClient(WorkerControl, transport())
      .getStatus({})
      .catch((e: unknown) => ConnectError.from(e));
    if (!(error instanceof ConnectError)) throw new Error("no error came");
    expect(error.code).toBe(Code.Internal);
    expect(error.rawMessage).not.toContain("secret");
  });

  it("fires the signal when the client's deadline passes", async () => {
    const error = await createClient(WorkerControl, transport())
      .stop({}, { timeoutMs: 50 })
      .catch((e: unknown) => ConnectError.from(e));
    expect(error).toMatchObject({ code: Code.DeadlineExceeded });
  });

  it("ends the generator when the client goes away, and runs no further ahead than flow control lets it", async () => {
    const abort = new AbortController();
    const received: number[] = [];
    await expect(async () => {
      for await (const message of createClient(WorkerControl, transport()).watchStatus({}, { signal: abort.signal })) {
        received.push(message.sources.length);
        if (received.length === 3) {
          await new Promise((resolve) => setTimeout(resolve, 300));
          abort.abort();
        }
      }
    }).rejects.toMatchObject({ code: Code.Canceled });
    expect(await streamEnded).toBe(String(Code.Canceled));
    // 64 KiB a message: a server that ignores flow control would have made thousands in that time.
    expect(produced).toBeLessThan(300);
  });

  it("tells its health as it is", async () => {
    const client = createClient(Health, transport());
    expect((await client.check({})).status).toBe(Status.NOT_SERVING);
    health.setServing(true);
    expect((await client.check({ service: WorkerControl.typeName })).status).toBe(Status.SERVING);
    await expect(client.check({ service: "nobody" })).rejects.toMatchObject({ code: Code.NotFound });
  });

  it("streams changes of its health", async () => {
    const statuses: Status[] = [];
    for await (const { status } of createClient(Health, transport()).watch({})) {
      statuses.push(status);
      if (statuses.length === 2) break;
      health.setServing(true);
    }
    expect(statuses).toEqual([Status.NOT_SERVING, Status.SERVING]);
  });

  it("describes itself by reflection: services, and the files of a symbol with all that they import", async () => {
    async function* questions() {
      yield { messageRequest: { case: "listServices" as const, value: "" } };
      yield { messageRequest: { case: "fileContainingSymbol" as const, value: "apispool.v1.DataReader.FetchUnread" } };
      yield { messageRequest: { case: "fileContainingSymbol" as const, value: "apispool.v1.Nothing" } };
    }
    const answers = [];
    for await (const answer of createClient(ServerReflection, transport()).serverReflectionInfo(questions())) {
      answers.push(answer.messageResponse);
    }
    const [list, file, none] = answers;
    expect(list?.case === "listServicesResponse" && list.value.service.map((s) => s.name)).toEqual(
      expect.arrayContaining([
        "apispool.v1.WorkerControl",
        "apispool.v1.DataReader",
        "grpc.health.v1.Health",
        "grpc.reflection.v1.ServerReflection",
        "grpc.reflection.v1alpha.ServerReflection",
      ]),
    );
    // data_reader, dead_letter, record, duration, timestamp
    expect(file?.case === "fileDescriptorResponse" && file.value.fileDescriptorProto.length).toBe(5);
    expect(none?.case === "errorResponse" && none.value.errorCode).toBe(Code.NotFound);
  });

  it("ends streams with a status that clients retry when it stops", async () => {
    const channel = new grpc.Client(`127.0.0.1:${server.port}`, grpc.credentials.createInsecure());
    const call = channel.makeServerStreamRequest(
      "/grpc.health.v1.Health/Watch",
      (b: Buffer) => b,
      (b) => b,
      Buffer.alloc(0),
    );
    const status = new Promise<grpc.StatusObject>((resolve) =>
      call.on("error", (e) => resolve(e as unknown as grpc.StatusObject)),
    );
    await new Promise((resolve) => call.once("data", resolve));
    await server.stop();
    expect((await status).code).toBe(grpc.status.UNAVAILABLE);
    channel.close();
  });
});
