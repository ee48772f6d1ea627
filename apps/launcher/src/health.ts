import { readTlsFiles, type TlsFiles } from "@apispool/common/tls-files.js";
import * as grpc from "@grpc/grpc-js";

/** HealthCheckResponse{status: SERVING} on the wire: field 1, varint, 1. The empty request has no bytes at all. */
const servingResponse = Buffer.from([0x08, 0x01]);

/** Whether a gRPC server says of itself that it serves (grpc.health.v1). Anything else, silence included, is a no. */
export function isServing(
  address: string,
  timeoutMs = 1000,
  credentials: grpc.ChannelCredentials = grpc.credentials.createInsecure(),
): Promise<boolean> {
  const client = new grpc.Client(address, credentials, {
    // A pool of channels would share its backoff with the attempts before this one.
    "grpc.use_local_subchannel_pool": 1,
  });
  return new Promise((resolve) => {
    client.makeUnaryRequest(
      "/grpc.health.v1.Health/Check",
      () => Buffer.alloc(0),
      (bytes: Buffer) => bytes,
      undefined,
      new grpc.Metadata(),
      { deadline: Date.now() + timeoutMs },
      (error, answer) => {
        client.close();
        resolve(error === null && answer !== undefined && servingResponse.equals(answer));
      },
    );
  });
}

/** For asking a server on this machine, whose certificate need not name it so; undefined: in cleartext. */
export function localCredentials(tls: TlsFiles | undefined, trust: "authority" | "anybody"): grpc.ChannelCredentials {
  if (tls === undefined) return grpc.credentials.createInsecure();
  const { cert, key, ca } = readTlsFiles(tls);
  const bytes = (text: string | undefined): Buffer | null => (text === undefined ? null : Buffer.from(text));
  // Whoever listens there was started by us; nothing is told but that we ask.
  if (trust === "anybody") return grpc.credentials.createSsl(null, null, null, { rejectUnauthorized: false });
  return grpc.credentials.createSsl(bytes(ca), bytes(key), bytes(cert), { checkServerIdentity: () => undefined });
}
