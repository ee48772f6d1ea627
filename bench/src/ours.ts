import http from "node:http";
import * as grpc from "@grpc/grpc-js";
import { create, toBinary } from "@bufbuild/protobuf";
import { AckMode, FetchUnreadRequestSchema } from "@apispool/contracts/apispool/v1/data_reader_pb.js";
import type { Timing } from "./timing.js";

const NEWLINE = 10;

/**
 * GET /data; the client counts lines and parses nothing, so that the server is what is measured. The benchmark's records
 * have no line breaks of their own, so there is a line for each, in JSON too: its last record shares one with the end.
 */
export function getData(url: string, accept: "application/x-ndjson" | "application/json"): Promise<Timing> {
  const started = performance.now();
  return new Promise((resolve, reject) => {
    const request = http.get(url, { headers: { accept }, agent: false }, (response) => {
      if (response.statusCode !== 200) {
        reject(new Error(`${url} answered ${response.statusCode}`));
        return;
      }
      let lines = 0;
      let head = "";
      response.on("data", (chunk: Buffer) => {
        if (head.length < 30) head += chunk.toString("latin1", 0, 30);
        for (let at = chunk.indexOf(NEWLINE); at !== -1; at = chunk.indexOf(NEWLINE, at + 1)) lines += 1;
      });
      response.on("end", () => {
        const empty = head.startsWith('{"records":[],');
        resolve({ records: empty ? 0 : lines, seconds: (performance.now() - started) / 1000 });
      });
      response.on("error", reject);
    });
    request.on("error", reject);
  });
}

/**
 * FetchUnread over gRPC, by a client that takes each message as it is: what a client does with it is its own affair. So
 * it has to count records by the cheapest look at the wire format.
 */
export async function fetchUnread(address: string, reader: string, sources: string[] = []): Promise<Timing> {
  const client = new grpc.Client(address, grpc.credentials.createInsecure(), {
    "grpc.max_receive_message_length": -1,
    "grpc.use_local_subchannel_pool": 1,
    // As grpc-java has it; grpc-js alone leaves it at 64 KiB, and waits.
    "grpc-node.flow_control_window": 1024 * 1024,
  });
  const request = Buffer.from(
    toBinary(FetchUnreadRequestSchema, create(FetchUnreadRequestSchema, { reader, sources, ack: AckMode.AUTO })),
  );
  const started = performance.now();
  try {
    return await new Promise((resolve, reject) => {
      let records = 0;
      let complete = false;
      const call = client.makeServerStreamRequest<Buffer, Count>(
        "/apispool.v1.DataReader/FetchUnread",
        (bytes) => bytes,
        countRecords,
        request,
      );
      call.on("data", (count: Count) => {
        records += count.records;
        complete = count.complete;
      });
      call.on("error", reject);
      call.on("end", () => {
        if (complete) resolve({ records, seconds: (performance.now() - started) / 1000 });
        else reject(new Error("the stream ended without saying that it was complete"));
      });
    });
  } finally {
    client.close();
  }
}

interface Count {
  readonly records: number;
  readonly complete: boolean;
}

/** Counts the entries of field 1 (`records`) and looks for field 4 (`complete`), walking over the top-level tags. */
function countRecords(bytes: Buffer): Count {
  let at = 0;
  let records = 0;
  let complete = false;
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
    const value = varint();
    if ((tag & 7) === 2) at += value;
    else if (tag === 32) complete = value === 1;
  }
  return { records, complete };
}
