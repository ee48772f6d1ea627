import { create, toBinary } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { Http2SessionManager, createGrpcTransport } from "@connectrpc/connect-node";
import { expect, it } from "@jest/globals";
import { DataReader, FetchUnreadResponseSchema } from "@apispool/contracts/apispool/v1/data_reader_pb.js";
import { ENVELOPE_BYTES, envelopeOf, inEnvelope } from "./grpc-envelope.js";
import { type Implementation, addService } from "./grpc-server.js";
import { HealthState } from "./health.js";
import { silentLogger } from "./logger.js";
import { startGrpcService } from "./service-main.js";

/** A message in its wire form, in an envelope. */
function enveloped(cursor: string): Buffer {
  const message = toBinary(FetchUnreadResponseSchema, create(FetchUnreadResponseSchema, { cursor }));
  return inEnvelope(Buffer.concat([Buffer.alloc(ENVELOPE_BYTES, 0xee), message]));
}

it("says how long the message is, and that it is not compressed", () => {
  const message = inEnvelope(Buffer.from("\xee\xee\xee\xee\xeehello", "latin1"));
  expect(message.toString()).toBe("hello");
  expect(envelopeOf(message)).toEqual(Buffer.from("\0\0\0\0\x05hello"));
  expect(envelopeOf(Buffer.from("hello"))).toBeUndefined();
});

it("arrives as any other message, as often as it is sent", async () => {
  const shared = enveloped("shared");
  const messages = [{ cursor: "an object" }, enveloped("x".repeat(100_000)), shared, enveloped(""), shared];
  const implementation = {
    async *fetchUnread() {
      for (const message of messages) yield await Promise.resolve(message as never);
    },
  } as unknown as Implementation<(typeof DataReader)["method"]>;
  const server = await startGrpcService({
    log: silentLogger,
    health: new HealthState([DataReader.typeName]),
    address: "127.0.0.1:0",
    services: [DataReader],
    register: (grpcServer, options) => addService(grpcServer, DataReader, implementation, options),
  });
  const baseUrl = `http://127.0.0.1:${server.port}`;
  const session = new Http2SessionManager(baseUrl);
  try {
    const client = createClient(DataReader, createGrpcTransport({ baseUrl, sessionManager: session }));
    for (let round = 0; round < 2; round += 1) {
      const cursors: string[] = [];
      for await (const { cursor } of client.fetchUnread({})) cursors.push(cursor);
      expect(cursors).toEqual(["an object", "x".repeat(100_000), "shared", "", "shared"]);
    }
  } finally {
    session.abort();
    await server.stop();
  }
});
