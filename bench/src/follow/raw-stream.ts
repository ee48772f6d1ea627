import http2 from "node:http2";
import { create, toBinary } from "@bufbuild/protobuf";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { FetchUnreadRequestSchema } from "@apispool/contracts/apispool/v1/data_reader_pb.js";

const WINDOW = 1024 * 1024;
const RECORDS_TAG = 0x0a;

/** A connection with room for as much as the machine can carry. */
export async function connect(address: string): Promise<http2.ClientHttp2Session> {
  const session = http2.connect(`http://${address}`, { settings: { initialWindowSize: WINDOW } });
  await new Promise<void>((resolve, reject) => {
    session.once("connect", () => resolve());
    session.once("error", reject);
  });
  session.setLocalWindowSize(64 * WINDOW);
  session.on("error", () => {});
  return session;
}

/** A FetchUnread by plain HTTP/2: what comes is the bytes of gRPC. */
export function openStream(
  session: http2.ClientHttp2Session,
  init: MessageInitShape<typeof FetchUnreadRequestSchema>,
): http2.ClientHttp2Stream {
  const message = toBinary(FetchUnreadRequestSchema, create(FetchUnreadRequestSchema, init));
  const stream = session.request({
    ":method": "POST",
    ":path": "/apispool.v1.DataReader/FetchUnread",
    "content-type": "application/grpc",
    te: "trailers",
  });
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  stream.end(Buffer.concat([head, message]));
  stream.on("error", () => {});
  return stream;
}

/** Walks over gRPC's frames and the top of each message, piece by piece as they come: the cheapest way to count records. */
export class RecordCounter {
  records = 0;
  messages = 0;
  /** Bytes of gRPC's frame head that are still to come. */
  #head = 5;
  #length = 0;
  #left = 0;
  #skip = 0;
  #state: "tag" | "size" | "number" = "tag";
  #tag = 0;
  #size = 0;
  #shift = 0;
  #first = true;

  /** `onFirst` is told where in the bytes the first record of each message begins. */
  push(bytes: Buffer, onFirst: (at: number) => void): void {
    for (let at = 0; at < bytes.length;) {
      if (this.#head > 0) {
        this.#head -= 1;
        // The first of the five says whether it is compressed.
        if (this.#head < 4) this.#length = this.#length * 256 + (bytes[at] ?? 0);
        at += 1;
        if (this.#head === 0) this.#begin();
        continue;
      }
      if (this.#skip > 0) {
        const step = Math.min(this.#skip, bytes.length - at);
        this.#skip -= step;
        this.#left -= step;
        at += step;
      } else {
        const byte = bytes[at] ?? 0;
        at += 1;
        this.#left -= 1;
        this.#step(byte, at, onFirst);
      }
      if (this.#left === 0) this.#head = 5;
    }
  }

  #begin(): void {
    this.messages += 1;
    this.#left = this.#length;
    this.#length = 0;
    this.#first = true;
    this.#state = "tag";
    if (this.#left === 0) this.#head = 5;
  }

  #step(byte: number, at: number, onFirst: (at: number) => void): void {
    if (this.#state === "tag") {
      this.#tag = byte;
      this.#size = 0;
      this.#shift = 1;
      this.#state = (byte & 7) === 2 ? "size" : "number";
      return;
    }
    this.#size += (byte & 127) * this.#shift;
    this.#shift *= 128;
    if (byte >= 128) return;
    if (this.#state === "size") {
      this.#skip = this.#size;
      if (this.#tag === RECORDS_TAG) {
        this.records += 1;
        if (this.#first) onFirst(at);
        this.#first = false;
      }
    }
    this.#state = "tag";
  }
}
