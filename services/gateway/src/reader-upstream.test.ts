import { once } from "node:events";
import { createServer } from "node:http2";
import type { AddressInfo } from "node:net";
import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "@jest/globals";
import { silentLogger } from "@apispool/common/logger.js";
import { DataReader, FetchUnreadRequestSchema } from "@apispool/contracts/apispool/v1/data_reader_pb.js";
import { readerUpstream } from "./reader-upstream.js";
import { Readers } from "./readers.js";

describe("a call to a reader", () => {
  // grpc-js reads "29999.25m" as 25 ms: calls ended at random, with DEADLINE_EXCEEDED.
  it("tells its deadline in whole milliseconds", async () => {
    const told = new Map<string, unknown>();
    const server = createServer().on("stream", (stream, headers) => {
      told.set(String(headers[":path"]), headers["grpc-timeout"]);
      stream.respond({ ":status": 200, "content-type": "application/grpc", "grpc-status": "5" }, { endStream: true });
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    const readers = new Readers({ places: [{ kind: "address", address }], log: silentLogger });
    const upstream = readerUpstream(readers);
    const { signal } = new AbortController();
    await expect(upstream.client.getReader({ reader: "a" }, { timeoutMs: 30_000 })).rejects.toThrow();
    const request = create(FetchUnreadRequestSchema, { reader: "a" });
    await expect(
      upstream.openStream(DataReader.method.fetchUnread, request, { signal, headers: {}, timeoutMs: 30_000 }).next(),
    ).rejects.toThrow();
    for (const method of ["GetReader", "FetchUnread"]) {
      expect([method, told.get(`/apispool.v1.DataReader/${method}`)]).toEqual([
        method,
        expect.stringMatching(/^(30000|29\d{3})m$/),
      ]);
    }
    await readers.stop();
    server.close();
  });
});
