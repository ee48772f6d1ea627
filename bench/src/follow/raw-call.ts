import { once } from "node:events";
import type http2 from "node:http2";
import { type DescMethod, type MessageInitShape, create, toBinary } from "@bufbuild/protobuf";

const ENVELOPE_BYTES = 5;

export interface RawAnswer {
  /** From the request to the last byte of the answer, in milliseconds. */
  readonly ms: number;
  /** Of the answer. */
  readonly bytes: number;
}

/** A gRPC call by plain HTTP/2, so that what is measured is the server's work and not the client library's. Rejects where its status is not OK. */
export async function rawCall<M extends DescMethod>(
  session: http2.ClientHttp2Session,
  method: M,
  init: MessageInitShape<M["input"]>,
): Promise<RawAnswer> {
  const message = toBinary(method.input, create(method.input, init));
  const request = Buffer.alloc(ENVELOPE_BYTES + message.length);
  request.writeUInt32BE(message.length, 1);
  request.set(message, ENVELOPE_BYTES);
  const begin = performance.now();
  const stream = session.request({
    ":method": "POST",
    ":path": `/${method.parent.typeName}/${method.name}`,
    "content-type": "application/grpc",
    te: "trailers",
  });
  let bytes = 0;
  let status: unknown;
  stream.on("data", (chunk: Buffer) => (bytes += chunk.length));
  stream.on("trailers", (trailers) => (status = trailers["grpc-status"]));
  stream.on("response", (headers) => (status ??= headers["grpc-status"]));
  stream.end(request);
  await once(stream, "end");
  const ms = performance.now() - begin;
  if (status !== "0") throw new Error(`${method.name} ended with the status ${String(status)}`);
  return { ms, bytes };
}
