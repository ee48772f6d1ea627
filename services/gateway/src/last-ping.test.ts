import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { Harness, eventually } from "./testing/harness.js";
import { RawClient, endOfStream, pong } from "./testing/raw-client.js";
import { grpcFetch } from "./testing/ways.js";

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
      const client = new RawClient({ port: harness.port, request: grpcFetch(reader) });
      const received = await client.until((bytes) => endOfStream(bytes) !== undefined);
      client.die();
      expect(pong(received)).toBeDefined();
      await eventually(() => harness.reader.positionOf(reader) === 3);
    }
  });
});
