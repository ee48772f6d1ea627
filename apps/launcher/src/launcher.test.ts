import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { once } from "node:events";
import { spawn } from "node:child_process";
import { freePort } from "@apispool/common/free-port.js";
import { standInRoot } from "./testing/stand-in.js";
import { until } from "./testing/until.js";

/** Says that it is Java 21, and can do nothing else. */
const java = `#!/bin/sh\necho 'openjdk version "21.0.1" 2023-10-17' >&2\n`;

/** A Docker that does nothing, and writes down what it was told. Its containers log until they are told to end. */
const docker = `#!/bin/sh
echo "$* PORT=$PORT SOURCE_NAME=$SOURCE_NAME SOURCE_URL=$SOURCE_URL" >> "$DOCKER_CALLS"
if [ "$2" = logs ]; then exec sleep 60; fi
`;

describe("npm start, on a machine where something is missing", () => {
  let root = "";
  let folder = "";

  beforeAll(async () => {
    root = await standInRoot();
    folder = await mkdtemp(join(tmpdir(), "apispool-machine-"));
  });

  afterAll(async () => {
    await rm(root, { recursive: true, force: true });
    await rm(folder, { recursive: true, force: true });
  });

  /** A folder for PATH with these programs, and no others. */
  async function machine(programs: Readonly<Record<string, string>>): Promise<string> {
    const bin = await mkdtemp(join(folder, "bin-"));
    for (const [name, text] of Object.entries(programs)) {
      await writeFile(join(bin, name), text);
      await chmod(join(bin, name), 0o755);
    }
    return bin;
  }

  async function start(env: Readonly<Record<string, string>>) {
    const data = join(folder, "data");
    await mkdir(data, { recursive: true });
    const child = spawn(process.execPath, [join(root, "apps/launcher/dist/main.js")], {
      env: { PORT: String(await freePort()), APISPOOL_DIR: data, ...env },
    });
    const said = { text: "" };
    child.stdout.on("data", (chunk: Buffer) => (said.text += chunk.toString()));
    child.stderr.on("data", (chunk: Buffer) => (said.text += chunk.toString()));
    const ended = once(child, "close").then(([code]) => code as number | null);
    return { child, said, ended };
  }

  it.each([
    ["neither Java nor Docker", {}, "there is no Java"],
    ["a Java that is too old", { java: java.replaceAll("21.0.1", "1.8.0") }, "java is Java 8"],
    ["no Maven for the first start", { java }, "there is no Maven (mvn)"],
  ])("says what to install: %s", async (_, programs, problem) => {
    const { said, ended } = await start({ PATH: await machine(programs) });
    expect(await ended).toBe(1);
    expect(said.text).toContain(`cannot start a local Kafka: ${problem}`);
    for (const way of ["apt install openjdk", "a Docker engine", "KAFKA_BROKERS=host:9092 npm start"]) {
      expect(said.text).toContain(way);
    }
    expect(said.text).not.toMatch(/^\s+at /m);
  });

  it("says who has the gateway's port, and how to choose another", async () => {
    const taken = createServer().listen(0, "127.0.0.1");
    await once(taken, "listening");
    const { port } = taken.address() as AddressInfo;
    const { said, ended } = await start({ PATH: "", PORT: String(port) });
    expect(await ended).toBe(1);
    expect(said.text).toContain(`port ${port} is taken by `);
    expect(said.text).toContain(`(pid ${process.pid}). Choose another one: PORT=${port + 1} npm start`);
    taken.close();
    await once(taken, "close");
  });

  it("says everything that is wrong with the settings, as JSON in production", async () => {
    const { said, ended } = await start({
      NODE_ENV: "production",
      PORT: "x",
      KAFKA_BROKERS: "here",
      LOG_FORMAT: "xml",
    });
    expect(await ended).toBe(2);
    const { name, msg } = JSON.parse(said.text) as { name: string; msg: string };
    expect(name).toBe("apispool");
    for (const variable of ["PORT", "KAFKA_BROKERS", "LOG_FORMAT"]) expect(msg).toContain(`- ${variable}: `);
  });

  it("uses Docker where there is no Java, says what to type, and takes everything down at the end", async () => {
    const calls = join(folder, "docker-calls");
    // `sleep` and `sh` are the machine's.
    const path = `${await machine({ docker, java: "#!/bin/sh\nexit 1\n" })}:/usr/bin:/bin`;
    const port = await freePort();
    const url = "https://me:hush@api.example.com/x?key=hush";
    const env = { PATH: path, DOCKER_CALLS: calls, PORT: String(port), SOURCE_URL: url, READERS: "3" };
    const { child, said, ended } = await start(env);
    await until(() => said.text.includes("Ctrl-C stops everything"));
    expect(said.text).toContain(`curl localhost:${port}/data`);
    expect(said.text).toContain("source     api.example.com: https://api.example.com/x\n");
    expect(said.text).not.toContain("hush");
    await until(async () => (await readFile(calls, "utf8")).includes("compose logs"));
    child.kill("SIGINT");
    expect(await ended).toBe(0);
    const told = (await readFile(calls, "utf8")).trimEnd().split("\n");
    expect(told.map((line) => line.replace(/ PORT=.*/, ""))).toEqual([
      "info",
      "compose version",
      "compose up --build --detach --wait --scale reader=3",
      "compose logs --follow --tail 0",
      "compose down",
    ]);
    expect(told[2]).toContain(`PORT=${port} SOURCE_NAME=api.example.com SOURCE_URL=${url}`);
  });
});
