// Whether the service in this container serves: exit code 0 or 1. For HEALTHCHECK, so it uses nothing but Node. SERVICE
// says which one it is; where it listens is read from the same variables that the service reads.
import http from "node:http";
import http2 from "node:http2";

/** Longer than this (milliseconds) is a no. Docker gives up after 5 s itself, and then does not say why. */
const timeoutMs = 4000;

/** HealthCheckResponse{status: SERVING} as a gRPC message: not compressed, 2 bytes. */
const serving = Buffer.from([0, 0, 0, 0, 2, 0x08, 0x01]);

/** The port of an address that may name every interface of the machine: it is asked over loopback. */
function portOf(variable, fallback) {
  const address = process.env[variable]?.trim() || fallback;
  return Number(address.slice(address.lastIndexOf(":") + 1));
}

/** grpc.health.v1.Health/Check of the whole server, over HTTP/2 without TLS. */
function grpcServes(port) {
  return new Promise((resolve, reject) => {
    const session = http2.connect(`http://127.0.0.1:${port}`);
    session.on("error", reject);
    const call = session.request({
      ":method": "POST",
      ":path": "/grpc.health.v1.Health/Check",
      "content-type": "application/grpc",
      te: "trailers",
    });
    const chunks = [];
    call.on("error", reject);
    call.on("data", (chunk) => chunks.push(chunk));
    call.on("end", () => {
      session.close();
      resolve(Buffer.concat(chunks).equals(serving));
    });
    // An empty HealthCheckRequest.
    call.end(Buffer.alloc(5));
  });
}

function httpServes(port, path) {
  return new Promise((resolve, reject) => {
    const request = http.get({ host: "127.0.0.1", port, path, agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    request.on("error", reject);
  });
}

const checks = {
  ingestor: () => grpcServes(portOf("INGESTOR_ADDRESS", "127.0.0.1:50051")),
  reader: () => grpcServes(portOf("READER_ADDRESS", "127.0.0.1:50052")),
  gateway: () => httpServes(portOf("PORT", "3000"), "/readyz"),
  "demo-api": () => httpServes(portOf("DEMO_ADDRESS", "127.0.0.1:8099"), "/livez"),
};

setTimeout(() => {
  console.error(`no answer within ${timeoutMs} ms`);
  process.exit(1);
}, timeoutMs).unref();

const check = checks[process.env.SERVICE];
try {
  if (check === undefined) throw new Error(`SERVICE must be one of ${Object.keys(checks).join(", ")}`);
  if (!(await check())) throw new Error("it says of itself that it does not serve");
  process.exit(0);
} catch (error) {
  console.error(error.message);
  process.exit(1);
}
