// The gateway's HTTP servers and Connect set-up with the conformance suite's own service behind it, as `connectconformance`
// wants a server: it says on stdin what is to be tested, and reads from stdout where that is. `tools/test-conformance.mjs` runs it.
import { readFileSync } from "node:fs";
import { createFileRegistry, create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { silentLogger } from "@apispool/common/logger.js";
import { callRoutes } from "../../connect-routes.js";
import { Exchange } from "../../exchange.js";
import { HttpServers } from "../../http-servers.js";
import { Connections } from "../../limits/connections.js";
import { defaultLimits } from "../../limits/settings.js";
import { StalledAnswers } from "../../limits/stalled.js";
import { httpError } from "../../problem.js";
import { fail } from "../../router.js";
import { conformanceService } from "./service.js";

const PACKAGE = "connectrpc.conformance.v1";
/** Of the suite's messages, which have their length before them. */
const LENGTH_BYTES = 4;

const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync(process.argv[2] ?? "")));
const schema = (name: string) => {
  const found = registry.getMessage(`${PACKAGE}.${name}`);
  if (found === undefined) throw new Error(`no ${name} among the descriptors`);
  return found;
};

const asked = fromBinary(schema("ServerCompatRequest"), await firstMessage()) as unknown as {
  readonly messageReceiveLimit: number;
};
const shutdown = new AbortController();
const serve = callRoutes(
  {
    maxBodyBytes: asked.messageReceiveLimit === 0 ? 64 * 1024 * 1024 : asked.messageReceiveLimit,
    jsonDepth: 100,
    shutdownSignal: shutdown.signal,
    stallTimeoutMs: 30_000,
    registry,
    fallback: (exchange) => fail(exchange, httpError(404, "path", "is unknown")),
  },
  (router) => conformanceService(router, registry),
);
const limits = defaultLimits;
const stalled = new StalledAnswers(limits.stalledBytes);
const servers = new HttpServers({
  limits,
  connections: new Connections({ ...limits, maxConnections: 10_000 }),
  deliveryIdleMs: 1000,
  idleTimeoutMs: 65_000,
  deliveryTimeoutMs: 30_000,
  headersTimeoutMs: 10_000,
  maxConnections: 10_000,
  tls: undefined,
  log: silentLogger,
  onRequest: (req, res, expectsContinue) =>
    serve(
      new Exchange(req, res, {
        log: silentLogger,
        shutdown: shutdown.signal,
        jsonDepth: 100,
        stalled,
        expectsContinue,
      }),
    ),
});
const port = await servers.listen(0, "127.0.0.1");
const said = schema("ServerCompatResponse");
const answer = toBinary(said, create(said, { host: "127.0.0.1", port }));
const length = Buffer.alloc(LENGTH_BYTES);
length.writeUInt32BE(answer.length);
process.stdout.write(Buffer.concat([length, answer]));
process.once("SIGTERM", () => {
  servers.destroy();
  process.exit(0);
});

async function firstMessage(): Promise<Buffer> {
  let bytes = Buffer.alloc(0);
  for await (const chunk of process.stdin) {
    bytes = Buffer.concat([bytes, chunk as Buffer]);
    if (bytes.length >= LENGTH_BYTES && bytes.length >= LENGTH_BYTES + bytes.readUInt32BE()) break;
  }
  return bytes.subarray(LENGTH_BYTES, LENGTH_BYTES + bytes.readUInt32BE());
}
