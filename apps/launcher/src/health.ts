import * as grpc from "@grpc/grpc-js";

/** HealthCheckResponse{status: SERVING} on the wire: field 1, varint, 1. The empty request has no bytes at all. */
const servingResponse = Buffer.from([0x08, 0x01]);

/** Whether a gRPC server says of itself that it serves (grpc.health.v1). Anything else, silence included, is a no. */
export function isServing(address: string, timeoutMs = 1000): Promise<boolean> {
  const client = new grpc.Client(address, grpc.credentials.createInsecure(), {
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
