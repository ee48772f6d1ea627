// Whether the service in this container serves: exit code 0 or 1. For HEALTHCHECK, so it uses nothing but Node. SERVICE
// says which one it is; where it listens is read from the same variables that the service reads.
import { readFileSync } from "node:fs";
import http from "node:http";
import http2 from "node:http2";
import https from "node:https";

/** Longer than this (milliseconds) is a no. Docker gives up after 5 s itself, and then does not say why. */
const timeoutMs = 4000;

/** HealthCheckResponse{status: SERVING} as a gRPC message: not compressed, 2 bytes. */
const serving = Buffer.from([0, 0, 0, 0, 2, 0x08, 0x01]);

/** The port of an address that may name every interface of the machine: it is asked over loopback. */
function portOf(variable, fallback) {
  const address = process.env[variable]?.trim() || fallback;
  return Number(address.slice(address.lastIndexOf(":") + 1));
}

function file(variable) {
  const path = process.env[variable]?.trim();
  return path ? readFileSync(path) : undefined;
}

/** What the service itself shows and trusts. It is asked over loopback, which its certificate need not name. */
function serviceTls() {
  const cert = file("SERVICE_TLS_CERT_FILE");
  if (cert === undefined) return undefined;
  const passphrase = file("SERVICE_TLS_KEY_PASSPHRASE_FILE")
    ?.toString()
    .replace(/\r?\n$/, "");
  const own = { cert, key: file("SERVICE_TLS_KEY_FILE"), ca: file("SERVICE_TLS_CA_FILE"), passphrase };
  return { ...own, checkServerIdentity: () => undefined };
}

/** grpc.health.v1.Health/Check of the whole server, over HTTP/2. */
function grpcServes(port) {
  const tls = serviceTls();
  return new Promise((resolve, reject) => {
    const session = http2.connect(`${tls === undefined ? "http" : "https"}://127.0.0.1:${port}`, tls);
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

function httpServes(port, path, secure = false) {
  return new Promise((resolve, reject) => {
    const request = (secure ? https : http).get(
      { host: "127.0.0.1", port, path, agent: false, rejectUnauthorized: false },
      (response) => {
        response.resume();
        resolve(response.statusCode === 200);
      },
    );
    request.on("error", reject);
  });
}

const checks = {
  ingestor: () => grpcServes(portOf("INGESTOR_ADDRESS", "127.0.0.1:50051")),
  reader: () => grpcServes(portOf("READER_ADDRESS", "127.0.0.1:50052")),
  store: () => grpcServes(portOf("STORE_ADDRESS", "127.0.0.1:50053")),
  gateway: () => {
    const secure = Boolean(process.env.TLS_CERT_FILE?.trim());
    // Where clients have to show a certificate, this one has none: it asks where operators do.
    const certificates = process.env.TLS_CLIENT_CA_FILE?.trim() && process.env.TLS_CLIENT_CERTIFICATES !== "optional";
    if (certificates) return httpServes(portOf("METRICS_ADDRESS", "127.0.0.1:9464"), "/readyz");
    return httpServes(portOf("PORT", "3000"), "/readyz", secure);
  },
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
