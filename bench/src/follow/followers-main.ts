import { Latencies, type LatencySummary } from "./latencies.js";
import { RecordCounter, connect, openStream } from "./raw-stream.js";
import { nowUs, stampIn } from "./stamp.js";

/*
 * Live tails in a process of their own: node followers-main.js ADDRESS COUNT CONNECTIONS PREFIX SOURCE. Says "ready" when
 * all of them are at the end; answers "begin" by forgetting what was, and "report" with what has come since.
 */
export interface FollowersReport {
  /** Of the oldest record of each message. */
  readonly latency: LatencySummary;
  /** Records that came, of all followers. */
  readonly records: number;
  /** Of the follower that got the fewest, and of the one that got the most. */
  readonly least: number;
  readonly most: number;
  readonly messages: number;
  readonly bytes: number;
  /** Streams that ended. */
  readonly ended: number;
}

const [address = "", count = "", connections = "", prefix = "", source = ""] = process.argv.slice(2);
const latencies = new Latencies();
const counters = Array.from({ length: Number(count) }, () => new RecordCounter());
const before = counters.map(() => 0);
let bytes = 0;
let messages = 0;
let ended = 0;
let ready = 0;

const sessions = await Promise.all(Array.from({ length: Number(connections) }, () => connect(address)));
for (const [i, counter] of counters.entries()) {
  const session = sessions[i % sessions.length];
  if (session === undefined) throw new Error("no connection");
  const stream = openStream(session, {
    reader: `${prefix}-${i}`,
    sources: [source],
    follow: true,
    start: { at: { case: "latest", value: {} } },
  });
  stream.once("data", () => {
    ready += 1;
    if (ready === counters.length) process.send?.("ready");
  });
  stream.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
    counter.push(chunk, (at) => {
      messages += 1;
      const sent = stampIn(chunk, at);
      if (sent !== undefined) latencies.add((nowUs() - sent) / 1000);
    });
  });
  stream.once("close", () => (ended += 1));
}

function report(): FollowersReport {
  const own = counters.map(({ records }, i) => records - (before[i] ?? 0));
  return {
    latency: latencies.summary(),
    records: own.reduce((sum, n) => sum + n, 0),
    least: Math.min(...own),
    most: Math.max(...own),
    messages,
    bytes,
    ended,
  };
}

process.on("message", (message) => {
  if (message === "begin") {
    latencies.reset();
    bytes = 0;
    messages = 0;
    for (const [i, { records }] of counters.entries()) before[i] = records;
    process.send?.("begun");
  } else if (message === "report") process.send?.(report());
});
process.on("disconnect", () => process.exit(0));
