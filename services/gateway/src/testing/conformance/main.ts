// The server under test of the Connect conformance suite: the gateway's own way of serving, with the suite's service. The suite
// starts it, says on its standard input what is wanted, and is told on its standard output where it listens. The argument is
// a file with the suite's descriptors; tools/conformance.mjs makes it.
import { readFileSync } from "node:fs";
import {
  createFileRegistry,
  create,
  fromBinary,
  toBinary,
  type DescMessage,
  type FileRegistry,
} from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { silentLogger } from "@apispool/common/logger.js";
import { servicesOverHttp } from "../../connect-routes.js";
import { Exchange } from "../../exchange.js";
import { HttpServers } from "../../http-servers.js";
import { Connections } from "../../limits/connections.js";
import { defaultLimits } from "../../limits/settings.js";
import { fail } from "../../router.js";
import { httpError } from "../../problem.js";
import { ConformanceService } from "./service.js";

const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync(process.argv[2] ?? "")));
const asked = fromBinary(messageOf(registry, "ServerCompatRequest"), await firstMessage()) as unknown as {
  readonly messageReceiveLimit: number;
};

const shutdown = new AbortController();
const service = new ConformanceService(registry);
const serve = servicesOverHttp(
  {
    maxBodyBytes: asked.messageReceiveLimit === 0 ? 0xffffffff : asked.messageReceiveLimit,
    jsonDepth: defaultLimits.jsonDepth,
    shutdownSignal: shutdown.signal,
    stallTimeoutMs: 60_000,
    fallback: (exchange) => fail(exchange, httpError(404, "path", "is unknown")),
    jsonOptions: { registry },
  },
  (router) => service.register(router),
);
const servers = new HttpServers({
  headersTimeoutMs: 10_000,
  maxConnections: 10_000,
  connections: new Connections({ maxConnections: 10_000, clientConnections: 10_000 }),
  limits: defaultLimits,
  deliveryIdleMs: 1000,
  deliveryTimeoutMs: 30_000,
  idleTimeoutMs: 65_000,
  onRequest: (req, res, expectsContinue) =>
    serve(new Exchange(req, res, { log: silentLogger, shutdown: shutdown.signal, expectsContinue })),
});
const port = await servers.listen(0, "127.0.0.1");

const schema = messageOf(registry, "ServerCompatResponse");
const answer = toBinary(schema, create(schema, { host: "127.0.0.1", port } as never));
const length = Buffer.alloc(4);
length.writeUInt32BE(answer.length);
process.stdout.write(Buffer.concat([length, answer]));

function messageOf(all: FileRegistry, name: string): DescMessage {
  const message = all.getMessage(`connectrpc.conformance.v1.${name}`);
  if (message === undefined) throw new Error(`the descriptors have no ${name}`);
  return message;
}

/** Messages stand behind their length, four bytes in network order. */
async function firstMessage(): Promise<Uint8Array> {
  let bytes = Buffer.alloc(0);
  for await (const chunk of process.stdin) {
    bytes = Buffer.concat([bytes, chunk as Buffer]);
    if (bytes.length >= 4 && bytes.length >= 4 + bytes.readUInt32BE())
      return bytes.subarray(4, 4 + bytes.readUInt32BE());
  }
  throw new Error("nothing was asked for");
}
