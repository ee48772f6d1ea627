import { Kafka, logLevel } from "kafkajs";
import { namesFor } from "@apispool/kafka-log/topics.js";
import type { IngestBed } from "./bed.js";

const INTERVAL_MS = 10_000;
const PREFIX = "ingest-quiet";

export interface Quiet {
  readonly sources: number;
  readonly seconds: number;
  /** In MB. */
  readonly peakMemory: number;
  /** Processor seconds for each second. */
  readonly cpu: number;
  readonly requests: number;
  readonly notModified: number;
  /** Records that all sources have in the log: one each, from the first poll. */
  readonly records: number;
  /** How much later than an interval after the one before a poll came, in milliseconds. */
  readonly lateness: { readonly median: number; readonly p99: number; readonly most: number };
  readonly problems: readonly string[];
}

/** Many sources in one ingestor, of which none has anything new: what does nothing cost? */
export async function measureQuiet(
  bed: IngestBed,
  sources: number,
  seconds: number,
  say: (text: string) => void,
): Promise<Quiet> {
  const api = await bed.startApi({ records: 0, bytes: 0, perPage: 1 });
  const names = Array.from({ length: sources }, (_, i) => `quiet-${i}`);
  const source = (name: string): object => ({
    url: `${api.url}/quiet/${name}`,
    interval: "10s",
    jitter: 0,
    autostart: true,
  });
  say(`${sources} sources that never change, polled every ${INTERVAL_MS / 1000} s: starting …`);
  const ingestor = await bed.startIngestor(PREFIX, Object.fromEntries(names.map((name) => [name, source(name)])));
  const paths = names.map((name) => `/quiet/${name}`);
  const giveUp = Date.now() + 240_000;
  for (;;) {
    const { asked } = await api.seen();
    const begun = paths.filter((path) => (asked[path]?.length ?? 0) > 1).length;
    if (begun === sources) break;
    if (Date.now() > giveUp) throw new Error(`only ${begun} of ${sources} sources were polled twice in 4 minutes`);
    await pause(500);
  }
  const from = Date.now();
  const before = await ingestor.usage();
  say(`all have been polled twice; now ${seconds} s of it`);
  await pause(seconds * 1000);
  const until = Date.now();
  const { cpu, peakMemory } = await ingestor.usage();
  const seen = await api.seen();
  const records = await recordsIn(bed.brokers);
  await ingestor.stop();

  const problems: string[] = [];
  const late: number[] = [];
  let requests = 0;
  const allowed = Math.ceil((until - from) / INTERVAL_MS) + 1;
  for (const path of paths) {
    const times = seen.asked[path] ?? [];
    const within = times.filter((time) => time >= from && time <= until);
    requests += within.length;
    if (within.length > allowed) problems.push(`${path} was asked ${within.length} times in ${seconds} s`);
    const notModified = seen.notModified[path] ?? 0;
    if (notModified !== times.length - 1)
      problems.push(`${path}: ${times.length} requests, ${notModified} times "not modified"`);
    for (const [i, time] of times.entries()) {
      const earlier = times[i - 1];
      if (earlier !== undefined && time >= from && time <= until) late.push(time - earlier - INTERVAL_MS);
    }
  }
  if (records !== sources) problems.push(`there are ${records} records of ${sources} sources that never changed`);
  late.sort((a, b) => a - b);
  const at = (share: number): number => late[Math.min(late.length - 1, Math.floor(late.length * share))] ?? Number.NaN;
  const quiet: Quiet = {
    sources,
    seconds: (until - from) / 1000,
    peakMemory,
    cpu: (cpu - before.cpu) / ((until - from) / 1000),
    requests,
    notModified: Object.values(seen.notModified).reduce((sum, n) => sum + n, 0),
    records,
    lateness: { median: at(0.5), p99: at(0.99), most: at(1) },
    problems: problems.slice(0, 10),
  };
  say(
    `${requests} requests in ${quiet.seconds.toFixed(0)} s (${(sources * quiet.seconds * 1000) / INTERVAL_MS} were due), ` +
      `all answered "not modified", ${records - sources} new records; ` +
      `lateness median ${quiet.lateness.median} ms, p99 ${quiet.lateness.p99} ms, most ${quiet.lateness.most} ms; ` +
      `memory ${peakMemory.toFixed(0)} MB, ${(quiet.cpu * 100).toFixed(0)} % of a core`,
  );
  return quiet;
}

/** All records of all sources: offsets less a marker for each transaction, of which every source has one. */
async function recordsIn(brokers: string): Promise<number> {
  const kafka = new Kafka({ brokers: brokers.split(","), clientId: "bench-count", logLevel: logLevel.NOTHING });
  const admin = kafka.admin();
  await admin.connect();
  try {
    const { recordsPrefix } = namesFor(PREFIX);
    const topics = (await admin.listTopics()).filter((topic) => topic.startsWith(recordsPrefix));
    let records = 0;
    for (const topic of topics) {
      const [partition] = await admin.fetchTopicOffsets(topic);
      const end = Number(partition?.high ?? 0);
      records += end === 0 ? 0 : end - 1;
    }
    return records;
  } finally {
    await admin.disconnect();
  }
}

async function pause(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
}
