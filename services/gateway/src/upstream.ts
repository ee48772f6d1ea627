import {
  type DescMessage,
  type DescMethodServerStreaming,
  type DescService,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import { type Client, createClient } from "@connectrpc/connect";
import { Http2SessionManager, createGrpcTransport } from "@connectrpc/connect-node";
import { DataReader } from "@apispool/contracts/apispool/v1/data_reader_pb.js";
import { WorkerControl } from "@apispool/contracts/apispool/v1/worker_control_pb.js";
import { Health } from "@apispool/contracts/health/v1/health_pb.js";
import { MessageStream, type StreamCall } from "./message-stream.js";
import type { Peer } from "./upstream-error.js";

/** A service behind the gateway, and the clients to speak to it over one HTTP/2 connection. */
export interface Upstream<S extends DescService> extends Peer {
  readonly client: Client<S>;
  readonly health: Client<typeof Health>;
  /** Calls a method that answers with a stream, for its messages as they come off the wire. */
  openStream<I extends DescMessage>(
    method: DescMethodServerStreaming<I>,
    request: MessageShape<I>,
    options: Pick<StreamCall, "headers" | "signal" | "timeoutMs">,
  ): MessageStream;
  /** Ends the connection and every call on it. */
  close(): void;
}

/** Both services behind the gateway. */
export interface Upstreams {
  readonly ingestor: Upstream<typeof WorkerControl>;
  readonly reader: Upstream<typeof DataReader>;
}

function connectTo<S extends DescService>(service: S, peer: Peer): Upstream<S> {
  const baseUrl = `http://${peer.address}`;
  const session = new Http2SessionManager(
    baseUrl,
    // A peer that hangs without closing is found out by a PING; its calls then fail as UNAVAILABLE.
    { pingIntervalMs: 10_000, pingTimeoutMs: 5000 },
    // Node's default stream window of 64 KiB is smaller than a batch. The memory limit (in MB) is for the session.
    { settings: { initialWindowSize: 512 * 1024 }, maxSessionMemory: 1024 },
  );
  const transport = createGrpcTransport({ baseUrl, sessionManager: session, acceptCompression: [] });
  return {
    ...peer,
    client: createClient(service, transport),
    health: createClient(Health, transport),
    openStream: (method, request, options) =>
      new MessageStream({
        session,
        path: `/${method.parent.typeName}/${method.name}`,
        message: toBinary(method.input, request),
        ...options,
      }),
    close: () => session.abort(),
  };
}

/** Clients for both services; nothing is connected before the first call. */
export function connectUpstreams(addresses: { ingestorAddress: string; readerAddress: string }): Upstreams {
  return {
    ingestor: connectTo(WorkerControl, { name: "ingestor", address: addresses.ingestorAddress }),
    reader: connectTo(DataReader, { name: "reader", address: addresses.readerAddress }),
  };
}
