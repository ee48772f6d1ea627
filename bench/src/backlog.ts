import http from "node:http";
import { parseArgs } from "node:util";
import { namesFor } from "@apispool/kafka-log/topics.js";
import { quickFill } from "./follow/quick-fill.js";
import { connect, openStream } from "./follow/raw-stream.js";
import { busyCores } from "./machine.js";
import type { Outcome } from "./outcome.js";
import { type BacklogFigures, backlogGoals } from "./report/backlog-report.js";
import { missed } from "./report/goal.js";
import { median, quantile } from "./results.js";
import { table } from "./table.js";
import { TestBed } from "./test-bed.js";

const LARGE = "large";
const SMALL = "small";
const SMALL_RECORDS = 1000;
const WARM_UP = 20;

/** The time to the first byte for readers that nobody ever heard of, with a large backlog and a small one. */
export async function benchBacklog(self: NodeJS.Process, args: readonly string[]): Promise<Outcome<BacklogFigures>> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      records: { type: "string", default: "10000000" },
      bytes: { type: "string", default: "100" },
      readers: { type: "string", default: "200" },
    },
  });
  const [records, bytes, readers] = [Number(values.records), Number(values.bytes), Number(values.readers)];
  const say = (text: string): void => console.log(`bench    │ ${text}`);
  await using bed = await TestBed.start(self);
  const names = namesFor("apispool");
  say(`writing ${records} records of ${bytes} bytes …`);
  const begun = performance.now();
  await quickFill({ brokers: bed.brokers, topic: names.records(LARGE), records, bytes });
  await quickFill({ brokers: bed.brokers, topic: names.records(SMALL), records: SMALL_RECORDS, bytes });
  say(`written in ${((performance.now() - begun) / 1000).toFixed(0)} s`);
  const reader = await bed.startReader();
  const gateway = await bed.startGateway(reader);
  const busyBefore = await busyCores();

  const ways: readonly { name: string; first: (source: string, name: string) => Promise<number> }[] = [
    { name: "gRPC, from the reader", first: (source, name) => firstByteOfGrpc(reader, source, name) },
    { name: "GET /data, NDJSON", first: (source, name) => firstByteOfHttp(gateway, source, name) },
  ];
  const lines: string[][] = [];
  const rows: BacklogFigures["rows"][number][] = [];
  for (const [i, { name, first }] of ways.entries()) {
    const times: Record<string, number[]> = { [LARGE]: [], [SMALL]: [] };
    for (let n = 0; n < readers + WARM_UP; n += 1) {
      // In turn, so that both have the same machine.
      for (const source of [LARGE, SMALL]) {
        const ms = await first(source, `way-${i}-${source}-${n}`);
        if (n >= WARM_UP) times[source]?.push(ms);
      }
    }
    const [large = [], small = []] = [times[LARGE], times[SMALL]];
    const ratio = median(large) / median(small);
    lines.push([
      name,
      ...[median(large), quantile(large, 0.99), median(small), quantile(small, 0.99)].map((ms) => ms.toFixed(1)),
      ratio.toFixed(2),
    ]);
    rows.push({ name, large, small, ratio });
  }
  const head = [
    "",
    `${records.toLocaleString("en")} records: median, ms`,
    "p99, ms",
    "1,000 records: median, ms",
    "p99, ms",
    "ratio",
  ];
  console.log(`\n${table(head, lines)}\n\nOther work took ${busyBefore.toFixed(1)} cores before it began.`);
  const memory = (await bed.usages())["reader"]?.peakMemory ?? Number.NaN;
  const figures = { options: { records, bytes, readers }, busyBefore, rows, memory };
  return { figures, problems: missed(backlogGoals(figures)) };
}

/** From asking, on a connection of its own, to the first byte of a record, in milliseconds. Then it is cancelled. */
async function firstByteOfGrpc(address: string, source: string, reader: string): Promise<number> {
  const begun = performance.now();
  const session = await connect(address);
  const stream = openStream(session, { reader, sources: [source] });
  await new Promise<void>((resolve, reject) => {
    stream.once("data", () => resolve());
    stream.once("close", () => reject(new Error(`the stream for "${reader}" ended without a byte`)));
  });
  const ms = performance.now() - begun;
  session.destroy();
  return ms;
}

async function firstByteOfHttp(address: string, source: string, reader: string): Promise<number> {
  const begun = performance.now();
  return await new Promise((resolve, reject) => {
    const headers = { accept: "application/x-ndjson" };
    const request = http.get(
      `http://${address}/data?reader=${reader}&source=${source}`,
      { headers, agent: false },
      (response) => {
        response.once("data", () => {
          const ms = performance.now() - begun;
          response.destroy();
          resolve(ms);
        });
        response.once("error", () => {});
        if (response.statusCode !== 200) reject(new Error(`it answered ${response.statusCode}`));
      },
    );
    request.once("error", reject);
  });
}
