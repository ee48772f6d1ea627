import { parseArgs } from "node:util";
import { namesFor } from "@apispool/kafka-log/topics.js";
import { Followers } from "./follow/followers.js";
import { PacedWriter } from "./follow/paced-writer.js";
import { busyCores } from "./machine.js";
import type { Outcome } from "./outcome.js";
import { missed } from "./report/goal.js";
import {
  type LatencyFigures,
  type LatencyRow as Row,
  MOST_P99_OF_MANY,
  latencyGoals,
} from "./report/latency-report.js";
import { table } from "./table.js";
import { TestBed } from "./test-bed.js";

const SOURCE = "latency";
/** Records a second that one follower gets. */
const ONE_RATE = 1000;
const DEFAULT_RATES = "10,20,50,100,200,500,1000";
/** Followers on one connection; grpc-js allows a thousand. */
const PER_CONNECTION = 100;

/** From append to a follower's receipt: one follower, and very many. */
export async function benchLatency(self: NodeJS.Process, args: readonly string[]): Promise<Outcome<LatencyFigures>> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      bytes: { type: "string", default: "500" },
      seconds: { type: "string", default: "20" },
      followers: { type: "string", default: "1000" },
      /** All that are named here are measured; otherwise it ends with the first that is too much. */
      rates: { type: "string" },
      /** "one" follower, or "many"; both unless given. */
      only: { type: "string" },
      profile: { type: "string" },
    },
  });
  const [bytes, seconds, many] = [Number(values.bytes), Number(values.seconds), Number(values.followers)];
  const rates = (values.rates ?? DEFAULT_RATES).split(",").map(Number);
  const say = (text: string): void => console.log(`bench    │ ${text}`);
  await using bed = await TestBed.start(self, values.profile);
  const writer = await PacedWriter.start(bed.brokers, namesFor("apispool").records(SOURCE));
  const reader = await bed.startReader();
  const rows: Row[] = [];
  const problems: string[] = [];

  const measure = async (followers: Followers, count: number, perSecond: number): Promise<Row> => {
    // What comes first is compiled first.
    await writer.write({ records: Math.ceil(perSecond * 2), perSecond, bytes });
    await followers.until(Math.ceil(perSecond * 2), 20_000);
    const busyBefore = await busyCores();
    await followers.begin();
    const before = (await bed.usages())["reader"];
    const {
      records,
      seconds: took,
      acknowledged,
    } = await writer.write({ records: perSecond * seconds, perSecond, bytes });
    const report = await followers.until(records, 30_000);
    const after = (await bed.usages())["reader"];
    const row: Row = {
      followers: count,
      perSecond,
      written: records / took,
      whole: report.least === records && report.most === records && report.ended === 0,
      p50: report.latency.p50,
      p99: report.latency.p99,
      most: report.latency.most,
      kafkaP50: acknowledged.p50,
      deliveries: report.records / took,
      megabytes: report.bytes / took / 1e6,
      perMessage: report.records / report.messages,
      cpu: ((after?.cpu ?? Number.NaN) - (before?.cpu ?? 0)) / took,
      memory: after?.peakMemory ?? Number.NaN,
      busyBefore,
    };
    rows.push(row);
    say(
      `${count} follower(s), ${perSecond} records/s: p50 ${row.p50.toFixed(1)} ms, p99 ${row.p99.toFixed(1)} ms, most ` +
        `${row.most.toFixed(0)} ms; ${Math.round(row.deliveries)} deliveries/s, ${row.megabytes.toFixed(0)} MB/s`,
    );
    if (!row.whole) {
      problems.push(
        `${count} followers at ${perSecond} records/s: of ${records} records one follower got ${report.least}, another ` +
          `${report.most}; ${report.ended} streams ended`,
      );
    }
    return row;
  };

  if (values.only !== "many") {
    const one = await Followers.start(self, {
      address: reader,
      count: 1,
      connections: 1,
      prefix: "one",
      source: SOURCE,
    });
    await measure(one, 1, ONE_RATE);
    await one.stop();
  }

  if (values.only !== "one") {
    const all = await Followers.start(self, {
      address: reader,
      count: many,
      connections: Math.ceil(many / PER_CONNECTION),
      prefix: "many",
      source: SOURCE,
    });
    for (const rate of rates) {
      const row = await measure(all, many, rate);
      // Beyond what the machine can carry it only gets worse.
      if (!(row.p99 < MOST_P99_OF_MANY && row.whole) && values.rates === undefined) break;
    }
    await all.stop();
  }
  await writer.stop();
  console.log(`\n${latencyTable(rows)}\n`);
  const figures = { options: { bytes, seconds, followers: many }, rows };
  return { figures, problems: [...problems, ...missed(latencyGoals(figures))] };
}

function latencyTable(rows: readonly Row[]): string {
  const head = [
    "followers",
    "records/s",
    "p50, ms",
    "p99, ms",
    "most, ms",
    "Kafka's own p50, ms",
    "deliveries/s",
    "MB/s",
    "records a message",
    "reader's CPU",
    "reader's peak, MB",
    "other work, cores",
  ];
  const lines = rows.map((row) => [
    String(row.followers),
    String(row.perSecond),
    row.p50.toFixed(1),
    row.p99.toFixed(1),
    row.most.toFixed(0),
    row.kafkaP50.toFixed(1),
    Math.round(row.deliveries).toLocaleString("en"),
    row.megabytes.toFixed(0),
    row.perMessage.toFixed(1),
    row.cpu.toFixed(2),
    row.memory.toFixed(0),
    row.busyBefore.toFixed(1),
  ]);
  return table(head, lines);
}
