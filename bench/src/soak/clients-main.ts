import http from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { RecordCounter, connect, openStream } from "../follow/raw-stream.js";

/*
 * Clients of the gateway, in a process of their own: node clients-main.js ADDRESS SOURCES. Some stay: live tails over gRPC, NDJSON and
 * server-sent events. The others come and go all the time, each on connections of its own. Sends its counts each second.
 */
export interface ClientCounts {
  /** Records that the named live tails over gRPC have received, by source. */
  readonly followed: Readonly<Record<string, number>>;
  /** Clients that came and went. */
  readonly visits: number;
  /** Of those, what was no success and not meant to be broken off, by what was said. */
  readonly failures: Readonly<Record<string, number>>;
  /** Live tails that ended and were begun again. */
  readonly reopened: number;
}

const [address = "", list = ""] = process.argv.slice(2);
const sources = list.split(",");
const base = `http://${address}`;
const COMING_AND_GOING = 6;
/** Of asking for a name to be forgotten, 200 ms apart: on a machine that is busy evidence takes its time. */
const MOST_TRIES = 50;
/** Readers that are read again and again; their number does not grow. */
const READERS = 3;

const followed: Record<string, number> = Object.fromEntries(sources.map((source) => [source, 0]));
const failures: Record<string, number> = {};
let visits = 0;
let reopened = 0;

const fail = (what: string): void => void (failures[what] = (failures[what] ?? 0) + 1);

/** A live tail over gRPC that stays, of a named reader that acknowledges by what it has received. */
async function follow(source: string): Promise<void> {
  for (;;) {
    const session = await connect(address);
    const stream = openStream(session, { reader: `stays-${source}`, sources: [source], follow: true });
    const counter = new RecordCounter();
    stream.on("data", (chunk: Buffer) => {
      const before = counter.records;
      counter.push(chunk, () => {});
      followed[source] = (followed[source] ?? 0) + counter.records - before;
    });
    await new Promise((closed) => stream.once("close", closed));
    session.destroy();
    reopened += 1;
    await sleep(500);
  }
}

interface Visit {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Breaks off after so long, in milliseconds, or so many bytes. */
  readonly leaveAfter?: { readonly ms?: number; readonly bytes?: number };
}

/** One request on a connection of its own, to its end or until the client leaves; gives the status. */
function visit(path: string, { method = "GET", headers = {}, leaveAfter = {} }: Visit = {}): Promise<number> {
  return new Promise((resolve, reject) => {
    const request = http.request(`${base}${path}`, { method, headers, agent: false }, (response) => {
      let bytes = 0;
      let left = false;
      const leave = (): void => {
        left = true;
        response.destroy();
        resolve(response.statusCode ?? 0);
      };
      const timer = leaveAfter.ms === undefined ? undefined : setTimeout(leave, leaveAfter.ms);
      response.on("data", (chunk: Buffer) => {
        bytes += chunk.length;
        if (leaveAfter.bytes !== undefined && bytes >= leaveAfter.bytes) leave();
      });
      response.once("close", () => {
        clearTimeout(timer);
        if (left || response.complete) resolve(response.statusCode ?? 0);
        else reject(new Error("broken off"));
      });
      response.on("error", () => {});
    });
    request.once("error", reject);
    request.end();
  });
}

/** Follows over gRPC from the end for a while, on a connection of its own, and leaves without a word. */
async function glance(ms: number): Promise<number> {
  const session = await connect(address);
  openStream(session, {
    sources: [pick(sources)],
    follow: true,
    start: { at: { case: "latest", value: {} } },
    reader: `glances-${Math.floor(Math.random() * READERS)}`,
  }).resume();
  await sleep(ms);
  session.destroy();
  return 200;
}

/** What it has read counts when there is evidence that it came, which may take a moment: until then there is no such reader. */
async function forget(reader: string): Promise<number> {
  for (let tries = 1; ; tries += 1) {
    const status = await visit(`/data/readers/${reader}`, { method: "DELETE" });
    if (status !== 404 || tries === MOST_TRIES) return status;
    await sleep(200);
  }
}

function pick<T>(values: readonly T[]): T {
  return values[Math.floor(Math.random() * values.length)] as T;
}

const ndjson = { accept: "application/x-ndjson" };
const events = { accept: "text/event-stream" };
let sequence = 0;
const ways: readonly (() => Promise<number>)[] = [
  async () =>
    await visit(`/data?since=latest&source=${pick(sources)}`, {
      headers: events,
      leaveAfter: { ms: 500 + Math.random() * 3000 },
    }),
  async () =>
    await visit(`/data?since=latest&follow=true`, { headers: ndjson, leaveAfter: { ms: 500 + Math.random() * 2000 } }),
  async () =>
    await visit(`/data?since=latest&follow=true`, {
      headers: { ...ndjson, "accept-encoding": pick(["gzip", "br", "zstd"]) },
      leaveAfter: { ms: 300 + Math.random() * 1000 },
    }),
  async () => await glance(300 + Math.random() * 2000),
  // Broken off in mid-answer: these records come again.
  async () => await visit(`/data?reader=breaks-off&limit=5000`, { headers: ndjson, leaveAfter: { bytes: 200_000 } }),
  async () => await visit(`/data?reader=reads-${Math.floor(Math.random() * READERS)}`, { headers: ndjson }),
  async () => await visit(`/data?reader=json&limit=500&wait=1`),
  async () => await visit("/worker"),
  async () => await visit("/data/readers"),
  // A name of its own, which is deleted: nothing of it may stay.
  async () => {
    sequence += 1;
    const read = await visit(`/data?reader=once-${sequence}&limit=10`);
    const deleted = await forget(`once-${sequence}`);
    return read === 200 ? deleted : read;
  },
];

/** Comes, does something, and goes; for ever. */
async function comeAndGo(): Promise<void> {
  for (;;) {
    const way = pick(ways);
    try {
      const status = await way();
      // Two of them may want the same reader at once: then one is refused, as it should be.
      if (status >= 400 && status !== 409) fail(`status ${status}`);
    } catch (error) {
      fail(error instanceof Error ? error.message : String(error));
    }
    visits += 1;
    await sleep(Math.random() * 200);
  }
}

async function stay(path: string, headers: Readonly<Record<string, string>>): Promise<void> {
  for (;;) {
    await visit(path, { headers }).catch((error: Error) => fail(`a live tail that stays: ${error.message}`));
    reopened += 1;
    await sleep(500);
  }
}

const all = [
  ...sources.map(async (source) => await follow(source)),
  stay("/data?reader=stays-ndjson&follow=true", ndjson),
  stay("/data?reader=stays-events", events),
  ...Array.from({ length: COMING_AND_GOING }, async () => await comeAndGo()),
];
setInterval(() => process.send?.({ followed, visits, failures, reopened } satisfies ClientCounts), 1000);
process.on("disconnect", () => process.exit(0));
await Promise.all(all);
