import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { FolderInUseError } from "./broker-registry.js";
import { kafkaAnswers } from "./kafka-probe.js";
import { type LocalKafka, startLocalKafka } from "./local-kafka.js";
import { Supervisor } from "./supervisor.js";
import { isAlive, until } from "./testing/until.js";

const home = resolve(import.meta.dirname, "../../../.apispool/kafka");

describe("a local Kafka", () => {
  let dir = "";
  const lines: string[] = [];
  const supervisors: Supervisor[] = [];
  const start = (): Promise<LocalKafka> => {
    const supervisor = new Supervisor((name, line) => lines.push(`${name}: ${line}`));
    supervisors.push(supervisor);
    return startLocalKafka({ home, dir, port: 0, env: process.env, supervisor });
  };

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), "apispool-kafka-"));
  });

  afterAll(async () => {
    for (const supervisor of supervisors) await supervisor.stop();
    await rm(dir, { recursive: true, force: true });
  });

  it("does not disturb one whose launcher lives, and stops one whose launcher was killed", async () => {
    // Another launcher, in a process of its own.
    const script = `
      import { Supervisor } from ${JSON.stringify(new URL("supervisor.js", import.meta.url).href)};
      import { startLocalKafka } from ${JSON.stringify(new URL("local-kafka.js", import.meta.url).href)};
      const supervisor = new Supervisor((name, line) => console.error(line));
      const options = { home: ${JSON.stringify(home)}, dir: ${JSON.stringify(dir)}, port: 0, env: process.env, supervisor };
      const kafka = await startLocalKafka(options);
      console.log(kafka.process.pid, kafka.brokers);`;
    const other: ChildProcess = spawn(process.execPath, ["--input-type=module", "-e", script], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    if (other.stdout === null) throw new Error("no output");
    const [line] = (await once(createInterface({ input: other.stdout }), "line")) as [string];
    const [pid = "", brokers = ""] = line.split(" ");
    await expect(start()).rejects.toThrow(FolderInUseError);
    expect(await kafkaAnswers(brokers)).toBe(true);

    other.kill("SIGKILL");
    await once(other, "exit");
    expect(isAlive(Number(pid))).toBe(true);
    const kafka = await start();
    expect(isAlive(Number(pid))).toBe(false);
    expect(lines).toContain(`apispool: stopping a Kafka that an earlier run left behind (pid ${pid})`);
    expect(await kafkaAnswers(kafka.brokers)).toBe(true);
  });

  it("comes back at the same address when it is killed", async () => {
    await supervisors.at(-1)?.stop();
    const kafka = await start();
    await kafka.process.crash();
    expect(await kafkaAnswers(kafka.brokers)).toBe(false);
    await until(() => kafka.process.restarts === 1);
    await kafka.ready();
    expect(await kafkaAnswers(kafka.brokers)).toBe(true);
    const { pid = 0 } = kafka.process;
    await supervisors.at(-1)?.stop();
    expect(isAlive(pid)).toBe(false);
  });
});
