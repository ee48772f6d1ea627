import http from "node:http";
import * as grpc from "@grpc/grpc-js";
import { create, toBinary } from "@bufbuild/protobuf";
import { AckMode, FetchUnreadRequestSchema } from "@apispool/contracts/apispool/v1/data_reader_pb.js";
import type { Timing } from "./peers.js";

/** GET /data as NDJSON; the client counts lines and parses nothing, so that the server is what is measured. */
export function ndjson(url: string): Promise<Timing> {
  const started = performance.now();
  return new Promise((resolve, reject) => {
    const request = http.get(url, { headers: { accept: "application/x-ndjson" }, agent: false }, (response) => {
      if (response.statusCode !== 200) {
        reject(new Error(`${url} answered ${response.statusCode}`));
        return;
      }
      let records = 0;
      response.on("data", (chunk: Buffer) => {
        for (let at = chunk.indexOf(10); at !== -1; at = chunk.indexOf(10, at + 1)) records += 1;
      });
      response.on("end", () => resolve({ records, seconds: (performance.now() - started) / 1000 }));
      response.on("error", reject);
    });
    request.on("error", reject);
  });
}

/**
 * FetchUnread over gRPC. `decode` tells a client that decodes each message from one that takes the bytes as they are;
 * the latter shows the server's limit, so it has to count records by the cheapest look at the wire format.
 */
export function fetchUnread(address: string, reader: string): Promise<Timing> {
  const channel = new grpc.Client(address, grpc.credentials.createInsecure(), {
    "grpc.max_receive_message_length": -1,
  });
  const request = Buffer.from(
    toBinary(FetchUnreadRequestSchema, create(FetchUnreadRequestSchema, { reader, ack: AckMode.AUTO })),
  );
  const started = performance.now();
  return new Promise((resolve, reject) => {
    let records = 0;
    const call = channel.makeServerStreamRequest<Buffer, number>(
      "/apispool.v1.DataReader/FetchUnread",
      (bytes) => bytes,
      countRecords,
      request,
    );
    call.on("data", (count: number) => (records += count));
    call.on("error", reject);
    call.on("end", () => {
      channel.close();
      resolve({ records, seconds: (performance.now() - started) / 1000 });
    });
  });
}

/** Counts the entries of field 1 (`records`, length-delimited) by walking over the top-level tags. */
function countRecords(bytes: Buffer): number {
  let at = 0;
  let records = 0;
  const varint = (): number => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = bytes[at++] ?? 0;
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    const tag = varint();
    if (tag === 10) records += 1;
    if ((tag & 7) === 2) at += varint();
    else varint();
  }
  return records;
}
