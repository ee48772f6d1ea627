import { setTimeout as sleep } from "node:timers/promises";
import { createClient } from "@connectrpc/connect";
import { Http2SessionManager, createGrpcTransport } from "@connectrpc/connect-node";
import { Health, HealthCheckResponse_ServingStatus as Status } from "@apispool/contracts/health/v1/health_pb.js";

/** Resolves once a reader process serves. From then on its readers are guarded by claims. */
export async function ready(port: number): Promise<void> {
  const baseUrl = `http://127.0.0.1:${port}`;
  const sessionManager = new Http2SessionManager(baseUrl);
  const health = createClient(Health, createGrpcTransport({ baseUrl, sessionManager }));
  while ((await health.check({})).status !== Status.SERVING) await sleep(20);
  sessionManager.abort();
}
