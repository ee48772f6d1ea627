import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { create, toBinary } from "@bufbuild/protobuf";
import { FetchUnreadRequestSchema } from "@apispool/contracts/apispool/v1/data_reader_pb.js";
import { Harness, eventually } from "./testing/harness.js";
import { RawClient, endOfStream, envelope, http2Request, pong } from "./testing/raw-client.js";

describe("a gRPC client that makes one call and is gone", () => {
  let harness: Harness;
  beforeEach(async () => {
    harness = await Harness.start();
    harness.reader.add(Array.from({ length: 3 }, (_, n) => `{"n":${n}}`));
  });
  afterEach(() => harness.stop());

  it("has read the PING with the last byte, so that its end is an orderly one", async () => {
    for (let n = 0; n < 5; n += 1) {
      const reader = `once-${n}`;
      const body = envelope(toBinary(FetchUnreadRequestSchema, create(FetchUnreadRequestSchema, { reader })));
      const request = http2Request(
        {
          ":method": "POST",
          ":scheme": "http",
          ":path": "/apispool.v1.DataReader/FetchUnread",
          ":authority": "127.0.0.1",
          "content-type": "application/grpc",
          te: "trailers",
        },
        body,
      );
      const client = new RawClient({ port: harness.port, request });
      const received = await client.until((bytes) => endOfStream(bytes) !== undefined);
      client.die();
      expect(pong(received)).toBeDefined();
      await eventually(() => harness.reader.positionOf(reader) === 3);
    }
  });
});
