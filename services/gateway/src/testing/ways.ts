import { toBinary, create } from "@bufbuild/protobuf";
import { FetchUnreadRequestSchema } from "@apispool/contracts/apispool/v1/data_reader_pb.js";
import { endOfStream, envelope, http1Get, http2Get, http2Request, isWholeChunked } from "./raw-client.js";

const fetchRequest = (reader: string, follow = false): Uint8Array =>
  toBinary(FetchUnreadRequestSchema, create(FetchUnreadRequestSchema, { reader, follow }));

/** FetchUnread over gRPC, on a connection of its own. */
export const grpcFetch = (reader: string): Buffer =>
  http2Request(
    {
      ":method": "POST",
      ":scheme": "http",
      ":path": "/apispool.v1.DataReader/FetchUnread",
      ":authority": "127.0.0.1",
      "content-type": "application/grpc",
      te: "trailers",
    },
    envelope(fetchRequest(reader)),
  );

/** FetchUnread over HTTP/1.1 in one of Connect's protocols. */
const postFetch = (contentType: string, reader: string, follow = false): Buffer => {
  const body = envelope(fetchRequest(reader, follow));
  const head =
    "POST /apispool.v1.DataReader/FetchUnread HTTP/1.1\r\nhost: 127.0.0.1\r\n" +
    `content-type: ${contentType}\r\ncontent-length: ${body.length}\r\n\r\n`;
  return Buffer.concat([Buffer.from(head), body]);
};

const wholeHttp1 = (received: Buffer): number | undefined => (isWholeChunked(received) ? received.length : undefined);

/** Every way to fetch: what is sent, and how long the answer is once it is whole. */
export const ways: [
  name: string,
  request: (reader: string) => string | Buffer,
  whole: (b: Buffer) => number | undefined,
][] = [
  ["GET /data over HTTP/1.1", (reader) => http1Get(`/data?reader=${reader}`), wholeHttp1],
  [
    "GET /data over HTTP/1.1 with Connection: close",
    (r) => http1Get(`/data?reader=${r}`, "connection: close\r\n"),
    wholeHttp1,
  ],
  ["GET /data over HTTP/2", (reader) => http2Get(`/data?reader=${reader}`), endOfStream],
  ["gRPC", grpcFetch, endOfStream],
  ["gRPC-Web over HTTP/1.1", (reader) => postFetch("application/grpc-web+proto", reader), wholeHttp1],
  ["Connect over HTTP/1.1", (reader) => postFetch("application/connect+proto", reader), wholeHttp1],
];
