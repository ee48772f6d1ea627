import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, open, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { silentLogger } from "@apispool/common/logger.js";
import { createLogReader } from "@apispool/kafka-log/kafkajs-log-reader.js";
import { readToEnd } from "@apispool/kafka-log/read-to-end.js";
import { resultsDir } from "../test-bed.js";
import { type Usage, usageOf } from "../usage.js";
import type { Api } from "./bed.js";
import type { Rival, RivalJob } from "./rivals.js";

const GIVE_UP_MS = 180_000;
const LOOK_EVERY_MS = 20;

export interface RivalResult {
  /** From the first request until as many records as there are can be read. */
  readonly seconds: number;
  /** When that was, in milliseconds since the Unix epoch. */
  readonly at: number;
  readonly usage: Usage | undefined;
}

/**
 * Runs a rival until the topic holds all records, ends it, and counts them. Throws where it ends early, takes minutes, or
 * has left records out; that it wrote some twice is not held against it.
 */
export async function runRival(
  self: NodeJS.Process,
  { program, rival, job, api }: { program: string; rival: Rival; job: RivalJob; api: Api },
): Promise<RivalResult> {
  await mkdir(resultsDir, { recursive: true });
  const file = join(resultsDir, `${job.topic}.${rival.ending}`);
  await writeFile(file, rival.config(job));
  await using log = await open(join(resultsDir, `${job.topic}.log`), "w");
  const child = spawn(program, rival.args(file), { stdio: ["ignore", log.fd, log.fd] });
  const kill = (): boolean => child.kill("SIGKILL");
  self.once("exit", kill);
  let failure: string | undefined;
  child.once("error", (error) => (failure = error.message));
  const ended = once(child, "close").then(() => (failure ??= "it has ended"));
  const reader = createLogReader({
    brokers: job.brokers.split(","),
    clientId: "bench-watch",
    topicPrefix: "bench",
    log: silentLogger,
  });
  const place = { topic: job.topic, partition: 0 };
  try {
    const giveUp = Date.now() + GIVE_UP_MS;
    /** When the log was seen to have grown so far. */
    const grown: { readonly at: number; readonly offset: number }[] = [];
    const ids = new Set<string>();
    let usage: Usage | undefined;
    let lastNew = 0;
    for (let [read, next] = [0, job.records]; ids.size < job.records;) {
      if (grown.length > 0) await new Promise((wake) => setTimeout(wake, LOOK_EVERY_MS));
      // It may end on its own when it is done, so its end is looked at before the log is.
      const failed = failure ?? (Date.now() > giveUp ? `${GIVE_UP_MS / 1000} s are over` : undefined);
      if (child.pid !== undefined) usage = (await usageOf(child.pid)) ?? usage;
      const offset = (await reader.offsetsAt("latest", [place]))[0]?.offset ?? 0;
      grown.push({ at: Date.now(), offset });
      if (offset >= next) {
        // Not read before, so that reading does not slow the writing; some may be there twice, and others not yet.
        read = await readToEnd(reader, { ...place, offset: read }, (record) => {
          if (ids.size === job.records) return;
          ids.add(idIn(record.value));
          lastNew = record.offset;
        });
        next = read + 1;
      }
      if (failed !== undefined && ids.size < job.records) {
        throw new Error(
          `${rival.name}: ${ids.size} of ${job.records} records were counted; ${failed}; see ${file} and its log`,
        );
      }
    }
    const at = grown.find(({ offset }) => offset > lastNew)?.at ?? Date.now();
    kill();
    await ended;
    const asked = (await api.seen()).asked[new URL(job.url).pathname]?.[0] ?? Number.NaN;
    return { seconds: (at - asked) / 1000, at, usage };
  } finally {
    kill();
    self.removeListener("exit", kill);
    await reader.close();
  }
}

function idIn(value: Buffer | null): string {
  return /"id":"(record-\d+)"/.exec(value?.toString("latin1") ?? "")?.[1] ?? "";
}
