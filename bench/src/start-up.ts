import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, open, readFile, readdir, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { kafkaVersion } from "@apispool/launcher/kafka-libs.js";
import { freePort } from "@apispool/common/free-port.js";
import { IngestBed } from "./ingest/bed.js";
import { onPath } from "./ingest/programs.js";
import { runRival } from "./ingest/rival-run.js";
import { rivals } from "./ingest/rivals.js";
import type { Outcome } from "./outcome.js";
import type { StartUpFigures } from "./report/start-up-report.js";
import { kafkaHome, resultsDir, root } from "./test-bed.js";
import { usageOf } from "./usage.js";

const GIVE_UP_MS = 120_000;
/** After this long without requests memory is that of an idle process. */
const IDLE_MS = 10_000;

const FIRST_ANSWER = "npm start: the first answer of GET /data";
const FIRST_RECORD = "npm start: the first record can be read";
const BROKER = "npm start: of that, until Kafka answers";

/** From nothing to the first record, as `npm start` does it once everything is built. */
export async function benchStartUp(self: NodeJS.Process, args: readonly string[]): Promise<Outcome<StartUpFigures>> {
  const { values } = parseArgs({ args: [...args], options: { rounds: { type: "string", default: "3" } } });
  const rounds = Number(values.rounds);
  const say = (text: string): void => console.log(`bench    │ ${text}`);
  const times = new Map<string, { ours: boolean; ms: number[] }>();
  const note = (name: string, ms: number, ours: boolean): void => {
    const row = times.get(name) ?? { ours, ms: [] };
    times.set(name, row);
    row.ms.push(ms);
    say(`${name}: ${ms.toFixed(0)} ms`);
  };
  let idle: Readonly<Record<string, number>> = {};
  for (let round = 1; round <= rounds; round += 1) {
    const started = await startOnce(self, round === rounds);
    note(FIRST_ANSWER, started.firstAnswer, true);
    note(FIRST_RECORD, started.firstRecord, true);
    if (!Number.isNaN(started.kafka)) note(BROKER, started.kafka, false);
    idle = started.idle;
  }
  const notMeasured = await startRivals(self, rounds, note);
  const rows = [...times].map(([name, { ours, ms }]) => ({ name, ours, ms }));
  return { figures: { options: { rounds }, rows, idle, notMeasured }, problems: [] };
}

/** The launcher with a Kafka of its own and the demo API, on free ports and in a folder that is empty. */
async function startOnce(self: NodeJS.Process, measureIdle: boolean) {
  await mkdir(resultsDir, { recursive: true });
  const dir = await mkdtemp(join(tmpdir(), "apispool-bench-start-"));
  // Kafka's libraries are there, as after the first start.
  await mkdir(join(dir, "kafka"));
  await symlink(join(kafkaHome, kafkaVersion), join(dir, "kafka", kafkaVersion));
  const port = await freePort();
  const ours = /^(SOURCE_|DEMO_|KAFKA_|TOPIC_|DELIVERY_|LOG_|READER|NODE_OPTIONS$|ACCESS_|TLS_|METRICS_|APISPOOL_)/;
  const env = {
    ...Object.fromEntries(Object.entries(self.env).filter(([name]) => !ours.test(name))),
    APISPOOL_DIR: dir,
    HOST: "127.0.0.1",
    PORT: String(port),
    KAFKA_PORT: "0",
    INGESTOR_PORT: "0",
    READER_PORT: "0",
    DEMO_PORT: "0",
    METRICS_PORT: "0",
    SOURCE_AUTOSTART: "true",
    NO_COLOR: "1",
  };
  await using log = await open(join(resultsDir, "start-up.log"), "w");
  const begun = performance.now();
  const child = spawn(process.execPath, ["--enable-source-maps", join(root, "apps", "launcher", "dist", "main.js")], {
    env,
    cwd: root,
    stdio: ["ignore", "pipe", log.fd, "ipc"],
  });
  const kill = (): boolean => child.kill("SIGTERM");
  self.once("exit", kill);
  let kafka = Number.NaN;
  child.stdout?.on("data", (chunk: Buffer) => {
    if (Number.isNaN(kafka) && chunk.includes("Kafka is ready")) kafka = performance.now() - begun;
    void log.write(chunk);
  });
  try {
    const url = `http://127.0.0.1:${port}/data?reader=start-up`;
    let firstAnswer = Number.NaN;
    for (;;) {
      const answer = await fetch(`${url}&limit=1`, { headers: { accept: "application/x-ndjson" } })
        .then(async (response) => ({ ok: response.ok, text: await response.text() }))
        .catch(() => undefined);
      const ms = performance.now() - begun;
      if (answer?.ok === true && Number.isNaN(firstAnswer)) firstAnswer = ms;
      if (answer?.ok === true && answer.text.includes('"data"')) {
        const idle = measureIdle ? await idleMemory(child.pid ?? 0) : {};
        return { firstAnswer, firstRecord: ms, kafka, idle };
      }
      if (child.exitCode !== null || ms > GIVE_UP_MS)
        throw new Error(
          `nothing could be read ${(ms / 1000).toFixed(0)} s after the start; see ${resultsDir}/start-up.log`,
        );
      await sleep(20);
    }
  } finally {
    kill();
    if (child.exitCode === null) await once(child, "exit");
    self.removeListener("exit", kill);
    await rm(dir, { recursive: true, force: true });
  }
}

/** Of the launcher and of every process that it started, by what each runs. */
async function idleMemory(launcher: number): Promise<Record<string, number>> {
  await sleep(IDLE_MS);
  const memory: Record<string, number> = {};
  for (const entry of await readdir("/proc")) {
    const pid = Number(entry);
    if (!Number.isInteger(pid)) continue;
    const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
    const parent = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
    if (pid !== launcher && parent !== launcher) continue;
    const command = (await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")).replaceAll("\0", " ");
    const name = /kafka\.Kafka/.test(command) ? "kafka" : /(?:services|apps)\/([a-z-]+)\/dist/.exec(command)?.[1];
    const usage = await usageOf(pid);
    if (name !== undefined && usage !== undefined) memory[name] = usage.memory;
  }
  return memory;
}

/** What else polls into Kafka, from the start of its process until its first page is in a Kafka that runs already. */
async function startRivals(
  self: NodeJS.Process,
  rounds: number,
  note: (name: string, ms: number, ours: boolean) => void,
): Promise<string[]> {
  const records = 1000;
  await using bed = await IngestBed.start(self, undefined);
  const api = await bed.startApi({ records, bytes: 500, perPage: records });
  const missing: string[] = [];
  for (const round of Array.from({ length: rounds }, (_, i) => i + 1)) {
    const prefix = `start-${round}`;
    const begun = Date.now();
    const ingestor = await bed.startIngestor(prefix, {
      bench: { url: `${api.url}/pages/${prefix}`, records: "items", interval: "1h", autostart: true },
    });
    const at = await bed.untilRecord(`${prefix}.records.bench`, records);
    note("the ingestor alone: its first 1,000 records are in Kafka", at - begun, true);
    await ingestor.stop();
    for (const rival of rivals.filter(({ name }) => /following|Telegraf/.test(name))) {
      const program = await onPath(rival.program, self.env["PATH"] ?? "");
      if (program === undefined) {
        if (round === 1) missing.push(`${rival.program} (not on the PATH)`);
        continue;
      }
      const topic = `start-${rival.program}-${round}`;
      await bed.createTopic(topic);
      const job = { url: `${api.url}/pages/${topic}`, brokers: bed.brokers, topic, records, perPage: records };
      const rivalBegun = Date.now();
      const { at: writtenAt } = await runRival(self, { program, rival, job, api });
      note(`${rival.program}: its first 1,000 records are in Kafka`, writtenAt - rivalBegun, false);
    }
  }
  return missing;
}
