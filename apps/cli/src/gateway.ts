import { type Client, ConnectError, createClient } from "@connectrpc/connect";
import { Http2SessionManager, createConnectTransport } from "@connectrpc/connect-node";
import { DataReader } from "@apispool/contracts/apispool/v1/data_reader_pb.js";
import { RecordStore } from "@apispool/contracts/apispool/v1/record_store_pb.js";
import { WorkerControl } from "@apispool/contracts/apispool/v1/worker_control_pb.js";
import { reasonOf } from "@apispool/common/errors.js";
import { credentialFrom, showing } from "./credential.js";
import { gatewayFailure } from "./failure.js";
import { cliSettingsFromEnv } from "./settings.js";
import type { Surroundings } from "./surroundings.js";

/** The gateway's services. */
export interface Gateway {
  readonly url: string;
  readonly worker: Client<typeof WorkerControl>;
  readonly data: Client<typeof DataReader>;
  readonly store: Client<typeof RecordStore>;
  /** Fires when the program is to end. */
  readonly signal: AbortSignal;
}

/** How often, while a call is under way, the gateway is asked whether it is still there; milliseconds. */
const pingMs = 10_000;

/** Works with the gateway: its errors become words, and an interruption ends what is under way. */
export async function withGateway(
  options: { readonly url?: string | undefined; readonly keyFile?: string | undefined },
  around: Surroundings,
  work: (gateway: Gateway) => Promise<void>,
): Promise<void> {
  const settings = cliSettingsFromEnv(around.env);
  const url = options.url ?? settings.url;
  const key = credentialFrom(options.keyFile ?? settings.keyFile, settings.key, around);
  const sessions = new Http2SessionManager(url, { pingIntervalMs: pingMs, pingTimeoutMs: pingMs });
  const transport = createConnectTransport({
    httpVersion: "2",
    baseUrl: url,
    sessionManager: sessions,
    interceptors: showing(key),
  });
  const signal = around.interruption();
  let breaking = false;
  try {
    const [worker, data] = [createClient(WorkerControl, transport), createClient(DataReader, transport)];
    const store = createClient(RecordStore, transport);
    await work({ url, worker, data, store, signal });
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    if (!(error instanceof ConnectError)) throw error;
    breaking = reasonOf(error) === undefined;
    throw gatewayFailure(error, url);
  } finally {
    // A connection that is just breaking would then break with nobody listening; it keeps nothing alive.
    if (!breaking) sessions.abort();
  }
}
