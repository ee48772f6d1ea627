import { mkdir, mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

const folders = ["apps/demo-api", "services/ingestor", "services/reader", "services/store", "services/gateway"];

/** Stands in for every service: gRPC health, `/livez`, and an end of the kind that the environment asks for. */
const standIn = `
import grpc from ${JSON.stringify(import.meta.resolve("@grpc/grpc-js"))};
import http from "node:http";
const { env } = process;
if (env.END_WITH) process.exit(Number(env.END_WITH));
const folder = process.argv[1].split("/").at(-3);
const address = { ingestor: env.INGESTOR_ADDRESS, reader: env.READER_ADDRESS, store: env.STORE_ADDRESS, gateway: "127.0.0.1:" + env.PORT }[folder];
const raw = (bytes) => bytes;
let serving = !env.NEVER_SERVES;
if (folder === "demo-api") http.createServer((_, response) => response.end()).listen(Number(env.DEMO_ADDRESS.split(":")[1]));
else {
  const server = new grpc.Server();
  const check = { path: "/grpc.health.v1.Health/Check", requestStream: false, responseStream: false,
    requestSerialize: raw, requestDeserialize: raw, responseSerialize: raw, responseDeserialize: raw };
  server.addService({ check }, { check: (_, answer) => answer(null, Buffer.from([8, serving ? 1 : 2])) });
  server.bindAsync(address, grpc.ServerCredentials.createInsecure(), () => {});
}
process.on("SIGTERM", () => { console.log("stops"); process.exit(0); });
process.on("disconnect", () => process.exit(0));
console.log("up " + process.pid + " " + JSON.stringify({ KAFKA_BROKERS: env.KAFKA_BROKERS, SOURCE_URL: env.SOURCE_URL, SOURCE_NAME: env.SOURCE_NAME, READER_ADDRESSES: env.READER_ADDRESSES, STORE: env.STORE, STORE_ADDRESS: env.STORE_ADDRESS }));
`;

/** A checkout (a temporary folder) in which every service is a stand-in, and the launcher is the real one. */
export async function standInRoot(): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), "apispool-root-"));
  const program = async (folder: string, text: string): Promise<void> => {
    await mkdir(join(root, folder, "dist"), { recursive: true });
    await writeFile(join(root, folder, "dist", "main.js"), text);
  };
  await writeFile(join(root, "package.json"), '{"type":"module","scripts":{"start":"node tools/start.mjs"}}');
  for (const folder of folders) await program(folder, standIn);
  const launcher = new URL("../launcher.js", import.meta.url).href;
  await program(
    "apps/launcher",
    `import { runLauncher } from ${JSON.stringify(launcher)};
process.exit(await runLauncher(process, ${JSON.stringify(root)}));`,
  );
  return root;
}
