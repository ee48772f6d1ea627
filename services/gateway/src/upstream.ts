import {
  type DescMessage,
  type DescMethodServerStreaming,
  type DescService,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import { type Client, type Transport, createClient } from "@connectrpc/connect";
import { Http2SessionManager, createGrpcTransport } from "@connectrpc/connect-node";
import type { DataReader } from "@apispool/contracts/apispool/v1/data_reader_pb.js";
import type { RecordStore } from "@apispool/contracts/apispool/v1/record_store_pb.js";
import type { WorkerControl } from "@apispool/contracts/apispool/v1/worker_control_pb.js";
import { Health } from "@apispool/contracts/health/v1/health_pb.js";
import { tellTrace, traceHeaders } from "./observe/current-trace.js";
import { MessageStream, type Messages, type StreamCall } from "./message-stream.js";
import { type UpstreamTls, connectUpstream } from "./tls/upstream-tls.js";
import type { Peer } from "./upstream-error.js";

export interface StreamOptions extends Pick<StreamCall, "headers" | "signal" | "timeoutMs"> {
  /** Has to resolve before the call goes to another process, the first one being gone before it answered. */
  readonly beforeAnother?: (() => Promise<void>) | undefined;
}

/** A service behind the gateway, and how to speak to it. */
export interface Upstream<S extends DescService> extends Peer {
  readonly client: Client<S>;
  /** Calls a method that answers with a stream, for its messages as they come off the wire. */
  openStream<I extends DescMessage>(
    method: DescMethodServerStreaming<I>,
    request: MessageShape<I>,
    options: StreamOptions,
  ): Messages;
  /** Ends the connections and every call on them. */
  close(): void;
}

/** One process of a service, over one HTTP/2 connection. */
export interface Connection<S extends DescService> extends Upstream<S> {
  readonly transport: Transport;
  readonly health: Client<typeof Health>;
  openStream<I extends DescMessage>(
    method: DescMethodServerStreaming<I>,
    request: MessageShape<I>,
    options: StreamOptions & Pick<StreamCall, "onEnd">,
  ): MessageStream;
  /** Ends every call with this error; the next call connects anew. */
  breakOff(reason: Error): void;
}

/** The services behind the gateway. */
export interface Upstreams {
  readonly ingestor: Upstream<typeof WorkerControl>;
  readonly reader: Upstream<typeof DataReader>;
  /** Where no store is switched on it has no address, and says so to every call. */
  readonly store: Upstream<typeof RecordStore>;
}

/** Clients for one process; nothing is connected before the first call. In cleartext, unless there is `tls`. */
export function connectTo<S extends DescService>(service: S, peer: Peer, tls?: UpstreamTls): Connection<S> {
  const baseUrl = `${tls === undefined ? "http" : "https"}://${peer.address}`;
  const secure = tls && { createConnection: () => connectUpstream(tls, peer.address) };
  const session = new Http2SessionManager(
    baseUrl,
    // A peer that hangs without closing is found out by a PING; its calls then fail as UNAVAILABLE.
    { pingIntervalMs: 10_000, pingTimeoutMs: 5000 },
    // Node's default stream window of 64 KiB is smaller than a batch. The memory limit (in MB) is for the session.
    { settings: { initialWindowSize: 512 * 1024 }, maxSessionMemory: 1024, ...secure },
  );
  const transport = createGrpcTransport({
    baseUrl,
    sessionManager: session,
    acceptCompression: [],
    interceptors: [tellTrace],
  });
  return {
    ...peer,
    transport,
    client: createClient(service, transport),
    health: createClient(Health, transport),
    openStream: (method, request, options) =>
      new MessageStream({
        session,
        path: `/${method.parent.typeName}/${method.name}`,
        message: toBinary(method.input, request),
        ...options,
        headers: { ...options.headers, ...traceHeaders() },
      }),
    breakOff: (reason) => session.abort(reason),
    close: () => session.abort(),
  };
}
