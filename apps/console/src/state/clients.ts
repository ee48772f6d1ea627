import { type Client, createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-web";
import { DataReader } from "@apispool/contracts/apispool/v1/data_reader_pb.js";
import { RecordStore } from "@apispool/contracts/apispool/v1/record_store_pb.js";
import { WorkerControl } from "@apispool/contracts/apispool/v1/worker_control_pb.js";
import { Health } from "@apispool/contracts/health/v1/health_pb.js";
import { showCredential } from "./credential.js";

/** The gateway that this page came from. */
export const address = { origin: location.origin };

// Binary, because records then pass through the gateway as they are.
const transport = createConnectTransport({
  baseUrl: location.origin,
  useBinaryFormat: true,
  interceptors: [showCredential],
});

export const worker: Client<typeof WorkerControl> = createClient(WorkerControl, transport);
export const reader: Client<typeof DataReader> = createClient(DataReader, transport);
export const store: Client<typeof RecordStore> = createClient(RecordStore, transport);
export const health: Client<typeof Health> = createClient(Health, transport);
