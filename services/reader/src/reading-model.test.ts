import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { type Client, Code, ConnectError, createClient } from "@connectrpc/connect";
import { Http2SessionManager, createGrpcTransport } from "@connectrpc/connect-node";
import { describe, it } from "@jest/globals";
import fc from "fast-check";
import { AckMode, DataReader, type FetchUnreadResponse } from "@apispool/contracts/apispool/v1/data_reader_pb.js";
import { EnvReader } from "@apispool/common/env.js";
import { rpcError } from "@apispool/common/errors.js";
import { silentLogger } from "@apispool/common/logger.js";
import type { RunningServer } from "@apispool/common/service-main.js";
import { readerConfigFromEnv } from "./config.js";
import { startReader } from "./reader.js";
import { CutProxy } from "./testing/cut-proxy.js";
import { MemoryLog, type NewRecord, type Transaction } from "./testing/memory-log.js";
import { type Begin, ReadingModel } from "./testing/reading-model.js";

const SOURCES = ["s", "t"] as const;
const READERS = ["a", "b"] as const;
const PARTITIONS = 2;

const source = fc.constantFrom(...SOURCES);
const reader = fc.constantFrom(...READERS);
const partition = fc.nat(PARTITIONS - 1);
const count = fc.integer({ min: 1, max: 12 });

/** What happens to the log. */
const change = fc.oneof(
  { weight: 6, arbitrary: fc.record({ op: fc.constant("append"), source, partition, count }) },
  { weight: 4, arbitrary: fc.record({ op: fc.constant("transaction"), source, partition, count, slot: fc.nat(1) }) },
  { weight: 4, arbitrary: fc.record({ op: fc.constant("finish"), slot: fc.nat(1), commit: fc.boolean() }) },
  {
    weight: 1,
    arbitrary: fc.record({ op: fc.constant("compact"), source, partition, every: fc.integer({ min: 2, max: 4 }) }),
  },
  { weight: 1, arbitrary: fc.record({ op: fc.constant("delete"), source, partition, share: fc.nat(100) }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant("truncate"), source, partition, share: fc.nat(100) }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant("recreate"), source, keepOffsets: fc.boolean() }) },
);
const fetchOf = {
  reader,
  sources: fc.constantFrom<readonly string[]>([], [], ["s"]),
  limit: fc.constantFrom(0, 0, 1, 5, 30),
  where: fc.constantFrom("", "", "", "n >= `5`"),
};
/** What readers do. */
const action = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ op: fc.constant("fetch"), ...fetchOf, manual: fc.boolean(), racing: fc.boolean() }),
  },
  { weight: 4, arbitrary: fc.record({ op: fc.constant("cut"), ...fetchOf, bytes: fc.integer({ min: 0, max: 6000 }) }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant("outage"), ...fetchOf, at: fc.integer({ min: 1, max: 4 }) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      op: fc.constant("acknowledge"),
      reader,
      back: fc.nat(8),
      fault: fc.constantFrom("none", "none", "before", "after"),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      op: fc.constant("together"),
      reader,
      limits: fc.array(count, { minLength: 2, maxLength: 3 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ op: fc.constant("follow"), reader, changes: fc.array(change, { maxLength: 3 }) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      op: fc.constant("seek"),
      reader,
      to: fc.constantFrom("earliest", "latest", "timestamp"),
      ms: fc.nat(60),
    }),
  },
  { weight: 1, arbitrary: fc.record({ op: fc.constant("forget"), reader }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant("restart") }) },
);
type Step = typeof change | typeof action extends infer A ? (A extends fc.Arbitrary<infer T> ? T : never) : never;
type Of<Op extends Step["op"]> = Extract<Step, { op: Op }>;

interface FetchInit {
  readonly reader: string;
  readonly sources?: readonly string[];
  readonly limit?: number;
  readonly where?: string;
  readonly ack?: AckMode;
  readonly follow?: boolean;
}

/** A reader service on a log in memory, real gRPC clients, and what each of them must see. */
class World {
  readonly log = new MemoryLog({ bytesPerRecord: 8000 });
  readonly model = new ReadingModel(this.log);
  readonly #proxy = new CutProxy();
  readonly #cursors = new Map<string, string[]>();
  readonly #transactions: (Transaction | undefined)[] = [undefined, undefined];
  readonly #sessions: Http2SessionManager[] = [];
  #server: RunningServer | undefined;
  #proxyPort = 0;
  #client: Client<typeof DataReader> | undefined;
  #written = 0;

  async begin(): Promise<void> {
    for (const name of SOURCES) this.log.createTopic(this.model.names.records(name), PARTITIONS);
    this.#proxyPort = await this.#proxy.listen();
    await this.#start();
  }

  async end(): Promise<void> {
    await this.#stop();
    await this.#proxy.close();
  }

  async step(step: Step): Promise<void> {
    switch (step.op) {
      case "fetch":
        return await this.#fetch(step);
      case "cut":
        return await this.#cut(step);
      case "outage":
        return await this.#outage(step);
      case "acknowledge":
        return await this.#acknowledge(step);
      case "together":
        return await this.#together(step);
      case "follow":
        return await this.#follow(step);
      case "seek":
        return await this.#seek(step);
      case "forget":
        return await this.#forget(step);
      case "restart":
        await this.#stop();
        return await this.#start();
      default:
        this.#change(step);
        if (step.op !== "recreate") return;
        // A service that goes on takes up to a second to see that, and tells of it once more than it had to.
        await this.#stop();
        return await this.#start();
    }
  }

  /** Everything that is still unread comes, and then nothing. */
  async drain(): Promise<void> {
    for (const name of READERS) {
      await this.#fetch({ op: "fetch", reader: name, sources: [], limit: 0, where: "", manual: false, racing: false });
      await this.#fetch({ op: "fetch", reader: name, sources: [], limit: 0, where: "", manual: false, racing: false });
      const batches = await this.#take({ reader: name });
      assert.deepEqual(
        batches.flatMap(({ records, gaps }) => [...records, ...gaps]),
        [],
      );
    }
  }

  #change(
    step:
      | Of<"append">
      | Of<"transaction">
      | Of<"finish">
      | Of<"compact">
      | Of<"delete">
      | Of<"truncate">
      | Of<"recreate">,
  ): void {
    if (step.op === "finish") {
      const { slot, commit } = step;
      const open = this.#transactions[slot];
      if (open !== undefined) this.log.finish(open, commit ? "committed" : "aborted");
      this.#transactions[slot] = undefined;
      return;
    }
    const topic = this.model.names.records(step.source);
    if (step.op === "recreate") {
      const { keepOffsets } = step;
      this.log.deleteTopic(topic, { keepOffsets });
      if (!keepOffsets) this.model.forgetTopic(topic);
      this.log.createTopic(topic, PARTITIONS);
      return;
    }
    const { partition: at } = step;
    const bounds = this.log.bounds(topic, at);
    assert.ok(bounds !== undefined);
    const share = (percent: number): number => bounds.start + Math.floor(((bounds.end - bounds.start) * percent) / 100);
    if (step.op === "append") this.log.append(topic, at, this.#records(step.count));
    else if (step.op === "transaction") {
      const { slot, count: many } = step;
      const open = (this.#transactions[slot] ??= this.log.begin());
      this.log.append(topic, at, this.#records(many), open);
    } else if (step.op === "compact") {
      const { every } = step;
      this.log.compact(topic, at, (offset) => offset % every !== 0);
    } else if (step.op === "delete") this.log.deleteBefore(topic, at, share(step.share));
    else this.log.truncate(topic, at, share(step.share));
  }

  #records(many: number): NewRecord[] {
    return Array.from({ length: many }, () => {
      const n = (this.#written += 1);
      return { timestampMs: n, value: Buffer.from(`{"n":${n % 10},"x":"${"x".repeat(n % 200)}"}`) };
    });
  }

  async #fetch(step: Of<"fetch">): Promise<void> {
    const { reader: name, manual, racing, limit } = step;
    const begins = await this.#begins(step);
    const before = this.#readable(begins, step);
    // A log that has lost its end and has grown again to where the reader stands by the time it is asked looks whole to it.
    const cutOff = begins.some(({ gaps }) => gaps.some((gap) => gap.startsWith("s/0 ") && gap.includes("TRUNCATED")));
    if (racing && !cutOff) {
      this.log.before = (request) => {
        if (request === "fetch") this.log.append(this.model.names.records("s"), 0, this.#records(1));
      };
    }
    const batches = await this.#take({ ...step, ack: manual ? AckMode.MANUAL : AckMode.AUTO });
    this.log.before = () => undefined;
    this.model.check(name, begins, batches, passesOf(step));
    const delivered = batches.flatMap(({ records }) => records).length;
    if (limit > 0) assert.ok(delivered <= limit, `${delivered} of at most ${limit}`);
    if (limit === 0 || delivered < limit) this.model.checkAll(begins, before, batches);
    if (!manual) await this.model.acknowledge(name, batches.at(-1)?.cursor ?? "");
    await this.#settled(name);
    await this.model.checkPosition(name);
  }

  /** The connection breaks off somewhere: nothing counts as read, unless the client has got everything. */
  async #cut(step: Of<"cut">): Promise<void> {
    const begins = await this.#begins(step);
    this.#proxy.bytes = step.bytes;
    const batches: FetchUnreadResponse[] = [];
    const session = new Http2SessionManager(`http://127.0.0.1:${this.#proxyPort}`);
    try {
      const client = clientOf(session, this.#proxyPort);
      for await (const batch of client.fetchUnread(requestOf(step))) batches.push(batch);
    } catch (error) {
      assert.ok(
        [Code.Unavailable, Code.Aborted, Code.Internal, Code.Canceled].includes(ConnectError.from(error).code),
        String(error),
      );
    }
    session.abort();
    this.model.check(step.reader, begins, batches, passesOf(step));
    this.#keep(step.reader, batches);
    await this.#settled(step.reader);
    const last = batches.at(-1);
    // With all of it the client may count, if its end was in order; with less it may not.
    if (last?.complete === true && (await this.model.difference(step.reader)) !== undefined) {
      await this.model.acknowledge(step.reader, last.cursor);
    }
    await this.model.checkPosition(step.reader);
  }

  /** Kafka is away for a request: the fetch says so, or has what there is. */
  async #outage(step: Of<"outage">): Promise<void> {
    const begins = await this.#begins(step);
    let requests = 0;
    this.log.before = (request) => {
      if (request === "fetch" && (requests += 1) === step.at)
        throw rpcError(Code.Unavailable, "KAFKA_UNAVAILABLE", "away");
    };
    const batches: FetchUnreadResponse[] = [];
    try {
      for await (const batch of this.#connected().fetchUnread(requestOf({ ...step, ack: AckMode.MANUAL })))
        batches.push(batch);
      assert.ok(requests < step.at, "the fetch ended well although Kafka was away");
    } catch (error) {
      assert.equal(ConnectError.from(error).code, Code.Unavailable, String(error));
      assert.notEqual(batches.at(-1)?.complete, true);
    }
    this.log.before = () => undefined;
    this.model.check(step.reader, begins, batches, passesOf(step));
    this.#keep(step.reader, batches);
    await this.model.checkPosition(step.reader);
  }

  async #acknowledge({ reader: name, back, fault }: Of<"acknowledge">): Promise<void> {
    const cursor = this.#cursors.get(name)?.at(-1 - back);
    if (cursor === undefined) return;
    let commits = 0;
    const fail = (request: string): void => {
      if (request !== "commit") return;
      commits += 1;
      throw rpcError(Code.Unavailable, "KAFKA_UNAVAILABLE", "away");
    };
    if (fault === "before") this.log.before = fail;
    if (fault === "after") this.log.after = fail;
    const error = await this.#connected()
      .acknowledge({ reader: name, cursor })
      .then(
        () => undefined,
        (failure: unknown) => ConnectError.from(failure),
      );
    this.log.before = () => undefined;
    this.log.after = () => undefined;
    assert.equal(error?.code, commits > 0 ? Code.Unavailable : undefined, String(error));
    if (fault !== "before" || commits === 0) await this.model.acknowledge(name, cursor);
    await this.model.checkPosition(name);
  }

  /** Several clients on one reader: each record goes to one of them, and none is left out. */
  async #together({ reader: name, limits }: Of<"together">): Promise<void> {
    const begins = await this.model.open(name);
    const results = await Promise.all(
      limits.map(async (limit) => {
        const batches: FetchUnreadResponse[] = [];
        const client = this.#connect();
        for await (const batch of client.fetchUnread(requestOf({ reader: name, limit }))) batches.push(batch);
        return batches;
      }),
    );
    await this.#settled(name);
    const seen = results.flat().flatMap(({ records }) => records.map((r) => `${r.source}/${r.partition} ${r.offset}`));
    assert.equal(new Set(seen).size, seen.length, "two clients were handed the same record");
    // The one whose cursor is furthest was the last.
    for (const batches of results) await this.model.acknowledge(name, batches.at(-1)?.cursor ?? "");
    const standing = await this.model.open(name);
    const passed = begins.flatMap((begin, i) =>
      this.model
        .readable(begin)
        .filter(({ offset }) => offset < (standing[i]?.origin ?? 0))
        .map(({ offset }) => `${begin.source}/${begin.partition} ${offset}`),
    );
    assert.deepEqual(new Set(seen), new Set(passed));
    await this.model.checkPosition(name);
  }

  /** A live tail while things happen; what it has taken counts as read, bit by bit. */
  async #follow({ reader: name, changes }: Of<"follow">): Promise<void> {
    const additions = changes.filter(({ op }) => op === "append" || op === "transaction" || op === "finish");
    const begins = await this.model.open(name);
    const batches: FetchUnreadResponse[] = [];
    const gone = new AbortController();
    const wake = (): void => {
      // Something has to come at last, or the end would have to be waited for.
      for (const slot of [0, 1]) this.#change({ op: "finish", slot, commit: true });
      this.log.append(this.model.names.records("t"), 1, this.#records(1));
    };
    const port = this.#server?.port ?? 0;
    const session = new Http2SessionManager(`http://127.0.0.1:${port}`);
    const client = clientOf(session, port);
    try {
      for await (const batch of client.fetchUnread({ reader: name, follow: true }, { signal: gone.signal })) {
        batches.push(batch);
        this.model.check(name, begins, batches);
        const left = begins.flatMap((begin) => this.model.readable(begin)).length;
        if (batches.flatMap(({ records }) => records).length < left) continue;
        const next = additions.shift();
        if (next !== undefined) this.#change(next);
        else if (batches.length > 1 && batches.at(-1)?.records.length !== 0) break;
        wake();
      }
    } finally {
      gone.abort();
      // Nothing more can be found out about what it has received.
      session.abort();
    }
    this.#keep(name, batches);
    await this.#settled(name);
    await sleep(50);
    // Any of its cursors may be the last that was acknowledged.
    for (const { cursor } of batches) {
      if ((await this.model.difference(name)) === undefined) break;
      await this.model.acknowledge(name, cursor);
    }
    await this.model.checkPosition(name);
  }

  async #seek({ reader: name, to, ms }: Of<"seek">): Promise<void> {
    const place =
      to === "timestamp"
        ? ({ case: "timestamp", value: timestampFromMs(ms) } as const)
        : to === "earliest"
          ? ({ case: "earliest", value: {} } as const)
          : ({ case: "latest", value: {} } as const);
    await this.#connected().seek({ reader: name, to: place });
    await this.model.seek(name, ({ topic, partition: at }) => {
      const bounds = this.log.bounds(topic, at);
      if (to === "earliest") return bounds?.start ?? 0;
      const first = to === "latest" ? undefined : this.log.readable(topic, at).find((r) => r.timestampMs >= ms);
      return first?.offset ?? bounds?.stable ?? 0;
    });
    await this.model.checkPosition(name);
  }

  async #forget({ reader: name }: Of<"forget">): Promise<void> {
    const existed = this.model.exists(name);
    const error = await this.#connected()
      .deleteReader({ reader: name })
      .then(
        () => undefined,
        (failure: unknown) => ConnectError.from(failure),
      );
    assert.equal(error?.code, existed ? undefined : Code.NotFound);
    this.model.forget(name);
    await this.model.checkPosition(name);
  }

  async #begins({ reader: name, sources = [] }: FetchInit): Promise<readonly Begin[]> {
    const begins = await this.model.open(name);
    return begins.filter((begin) => sources.length === 0 || sources.includes(begin.source));
  }

  #readable(begins: readonly Begin[], init: FetchInit): Map<Begin, number[]> {
    const passes = passesOf(init);
    return new Map(
      begins.map((begin) => [
        begin,
        this.model
          .readable(begin)
          .filter(passes)
          .map((r) => r.offset),
      ]),
    );
  }

  async #take(init: FetchInit): Promise<FetchUnreadResponse[]> {
    const batches: FetchUnreadResponse[] = [];
    for await (const batch of this.#connected().fetchUnread(requestOf(init))) batches.push(batch);
    this.#keep(init.reader, batches);
    return batches;
  }

  #keep(name: string, batches: readonly FetchUnreadResponse[]): void {
    const cursors = this.#cursors.get(name) ?? [];
    this.#cursors.set(name, cursors);
    cursors.push(...batches.map(({ cursor }) => cursor));
  }

  /** A fetch waits until it is known what the one before has delivered; this one moves nothing. */
  async #settled(name: string): Promise<void> {
    for await (const _batch of this.#connected().fetchUnread(
      requestOf({ reader: name, limit: 1, ack: AckMode.MANUAL }),
    ));
    await this.model.open(name);
  }

  #connected(): Client<typeof DataReader> {
    return (this.#client ??= this.#connect());
  }

  #connect(): Client<typeof DataReader> {
    const port = this.#server?.port ?? 0;
    const session = new Http2SessionManager(`http://127.0.0.1:${port}`);
    this.#sessions.push(session);
    return clientOf(session, port);
  }

  async #start(): Promise<void> {
    const env = new EnvReader({ READER_ADDRESS: "127.0.0.1:0", KAFKA_BROKERS: "127.0.0.1:1" });
    const config = { ...readerConfigFromEnv(env), batchBytes: 2000, busyWaitMs: 20_000 };
    this.#server = await startReader(config, silentLogger, () => this.log);
    this.#proxy.target = this.#server.port;
  }

  async #stop(): Promise<void> {
    for (const session of this.#sessions) session.abort();
    this.#sessions.length = 0;
    this.#client = undefined;
    await this.#server?.stop();
  }
}

function clientOf(sessionManager: Http2SessionManager, port: number): Client<typeof DataReader> {
  return createClient(DataReader, createGrpcTransport({ baseUrl: `http://127.0.0.1:${port}`, sessionManager }));
}

function requestOf({ reader: name, sources = [], limit = 0, where = "", ack = AckMode.AUTO }: FetchInit) {
  return { reader: name, sources: [...sources], limit: BigInt(limit), where, ack };
}

function passesOf({ where = "" }: FetchInit): (record: { readonly value: Buffer | null }) => boolean {
  return ({ value }) => where === "" || (JSON.parse(String(value)) as { n: number }).n >= 5;
}

const seed = Number(process.env["APISPOOL_MODEL_SEED"] ?? Date.now() % 1_000_000);
const numRuns = Number(process.env["APISPOOL_MODEL_RUNS"] ?? 20);

describe(`reading, whatever happens (seed ${seed})`, () => {
  it("hands out every record, in order, never again once it is acknowledged, and tells every gap", async () => {
    const step: fc.Arbitrary<Step> = fc.oneof({ weight: 5, arbitrary: change }, { weight: 6, arbitrary: action });
    const steps = fc.array(step, { minLength: 1, maxLength: 40, size: "max" });
    await fc.assert(
      fc.asyncProperty(steps, async (list) => {
        const world = new World();
        await world.begin();
        try {
          for (const step of list) await world.step(step);
          await world.drain();
        } finally {
          await world.end();
        }
      }),
      { numRuns, seed, interruptAfterTimeLimit: 240_000, markInterruptAsFailure: false, endOnFailure: false },
    );
  }, 300_000);
});
