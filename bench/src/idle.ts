import { parseArgs } from "node:util";
import { setTimeout as sleep } from "node:timers/promises";
import { namesFor } from "@apispool/kafka-log/topics.js";
import { Followers } from "./follow/followers.js";
import { PacedWriter } from "./follow/paced-writer.js";
import { connect, openStream } from "./follow/raw-stream.js";
import { busyCores } from "./machine.js";
import type { Outcome } from "./outcome.js";
import { missed } from "./report/goal.js";
import { type IdleFigures, idleGoals } from "./report/idle-report.js";
import { table } from "./table.js";
import { TestBed } from "./test-bed.js";

const SOURCE = "idle";
const BESIDE = 10;
const AT_A_TIME = 20;

/** What readers cost that do nothing, and what one costs that hardly reads while very much arrives. */
export async function benchIdle(self: NodeJS.Process, args: readonly string[]): Promise<Outcome<IdleFigures>> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      readers: { type: "string", default: "10000" },
      streams: { type: "string", default: "1000" },
      records: { type: "string", default: "1000000" },
      seconds: { type: "string", default: "600" },
      bytes: { type: "string", default: "500" },
    },
  });
  const number = (name: keyof typeof values): number => Number(values[name]);
  const say = (text: string): void => console.log(`bench    │ ${text}`);
  await using bed = await TestBed.start(self);
  const writer = await PacedWriter.start(bed.brokers, namesFor("apispool").records(SOURCE));
  await writer.write({ records: 100, perSecond: 1000, bytes: 500 });
  const address = await bed.startReader();
  const memory = async (): Promise<number> => (await bed.usages())["reader"]?.memory ?? Number.NaN;

  // What comes first takes memory that it would take anyway.
  await readOnce(address, "warm", 2000);
  const before = await settled(memory);
  await readOnce(address, "idle", number("readers"));
  const readers = (await settled(memory)) - before;
  say(
    `${values.readers} readers that have read and do nothing: ${readers.toFixed(0)} MB beside ${before.toFixed(0)} MB`,
  );

  const withoutStreams = await settled(memory);
  const followers = await Followers.start(self, {
    address,
    count: number("streams"),
    connections: Math.ceil(number("streams") / 100),
    prefix: "stream",
    source: SOURCE,
  });
  const streams = (await settled(memory)) - withoutStreams;
  say(`${values.streams} live tails that are open and get nothing: ${streams.toFixed(0)} MB more`);
  await followers.stop();

  const slow = await slowFollower(self, bed, writer, address, {
    records: number("records"),
    seconds: number("seconds"),
    bytes: number("bytes"),
    say,
  });
  await writer.stop();
  const lines = [
    [`${values.readers} named readers that do nothing`, `${readers.toFixed(0)} MB`],
    [`${values.streams} open live tails that get nothing`, `${streams.toFixed(0)} MB`],
    [
      `memory while one reads ${slow.took} of ${values.records} records in ${values.seconds} s: second third`,
      `${slow.middle.toFixed(0)} MB`,
    ],
    ["… last third", `${slow.last.toFixed(0)} MB`],
    [`the ${BESIDE} others: p50, p99 from append to receipt`, `${slow.p50.toFixed(1)} ms, ${slow.p99.toFixed(1)} ms`],
    ["… without the slow one", `${slow.alone.p50.toFixed(1)} ms, ${slow.alone.p99.toFixed(1)} ms`],
    ["other work before it began", `${slow.busyBefore.toFixed(1)} cores`],
  ];
  console.log(`\n${table(["", ""], lines)}`);
  const options = {
    readers: number("readers"),
    streams: number("streams"),
    records: number("records"),
    seconds: number("seconds"),
    bytes: number("bytes"),
  };
  const figures = { options, before, readers, streams, beside: BESIDE, slow };
  return { figures, problems: missed(idleGoals(figures)) };
}

/** So many readers read what there is, once. */
async function readOnce(address: string, prefix: string, count: number): Promise<void> {
  const session = await connect(address);
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < count) {
      const reader = `${prefix}-${next}`;
      next += 1;
      const stream = openStream(session, { reader });
      await new Promise<void>((resolve) => {
        stream.resume();
        stream.once("close", () => resolve());
      });
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, work));
  session.close();
}

/** The least memory of some seconds, in which garbage may be collected. */
async function settled(memory: () => Promise<number>): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 20; i += 1) {
    least = Math.min(least, await memory());
    await sleep(250);
  }
  return least;
}

async function slowFollower(
  self: NodeJS.Process,
  bed: TestBed,
  writer: PacedWriter,
  address: string,
  options: { records: number; seconds: number; bytes: number; say: (text: string) => void },
) {
  const { records, seconds, bytes, say } = options;
  const perSecond = Math.ceil(records / seconds);
  const others = await Followers.start(self, {
    address,
    count: BESIDE,
    connections: 2,
    prefix: "beside",
    source: SOURCE,
  });
  const some = perSecond * Math.min(20, Math.ceil(seconds / 10));
  await writer.write({ records: some, perSecond, bytes });
  await others.until(some, 30_000);
  await others.begin();
  await writer.write({ records: some, perSecond, bytes });
  const { latency: alone } = await others.until(some, 30_000);

  const session = await connect(address);
  // A client that takes what it can hold, as clients do: then what it holds back is what is measured.
  const stream = openStream(session, {
    reader: "slow",
    sources: [SOURCE],
    follow: true,
    start: { at: { case: "latest", value: {} } },
  });
  await new Promise((resolve) => stream.once("readable", resolve));
  const busyBefore = await busyCores();
  await others.begin();
  const over = new AbortController();
  const samples: number[] = [];
  let took = 0;
  const sample = (async () => {
    while (!over.signal.aborted) {
      samples.push((await bed.usages())["reader"]?.memory ?? Number.NaN);
      // About the bytes of one record.
      if (stream.read(bytes + 400) !== null) took += 1;
      await sleep(1000);
    }
  })();
  say(`one follower reads a record a second, ${BESIDE} read all, and ${perSecond} records/s arrive for ${seconds} s …`);
  await writer.write({ records, perSecond, bytes });
  over.abort();
  await sample;
  const report = await others.until(records, 60_000);
  session.destroy();
  await others.stop();
  const third = Math.floor(samples.length / 3);
  const mean = (some: readonly number[]): number => some.reduce((sum, n) => sum + n, 0) / some.length;
  const [middle, last] = [mean(samples.slice(third, 2 * third)), mean(samples.slice(-third))];
  return {
    took,
    middle,
    last,
    growth: last - middle,
    whole: report.least === records && report.most === records && report.ended === 0,
    p50: report.latency.p50,
    p99: report.latency.p99,
    alone,
    busyBefore,
    samples,
  };
}
