import { setTimeout as sleep } from "node:timers/promises";
import { type Client, Code, ConnectError } from "@connectrpc/connect";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { AckMode, type DataReader, type FetchUnreadResponse } from "@apispool/contracts/apispool/v1/data_reader_pb.js";
import { reasonOf } from "@apispool/common/errors.js";
import { silentLogger } from "@apispool/common/logger.js";
import { createLogReader } from "@apispool/kafka-log/kafkajs-log-reader.js";
import type { CommittedOffset, LogReader } from "@apispool/kafka-log/log-reader.js";
import { Catalogue } from "@apispool/kafka-log/catalogue.js";
import { CLAIM_PARTITIONS, Claims } from "./claims.js";
import { Positions } from "./positions.js";
import { newProcessId } from "./process-id.js";
import { Sessions } from "./sessions.js";
import { Tenures } from "./tenure.js";
import { Harness, type FetchInit, jsonOf, numbers } from "./testing/harness.js";

type Reader = Client<typeof DataReader>;

const failure = async (call: Promise<unknown>): Promise<ConnectError> =>
  await call.then(
    () => {
      throw new Error("it succeeded");
    },
    (error: unknown) => ConnectError.from(error),
  );

/** A stream that is read by hand. */
class Stream {
  readonly values: string[] = [];
  readonly #stop = new AbortController();
  readonly #messages: AsyncIterator<FetchUnreadResponse>;
  cursor = "";

  constructor(client: Reader, init: FetchInit) {
    this.#messages = client.fetchUnread(init, { signal: this.#stop.signal })[Symbol.asyncIterator]();
  }

  /** The values of the next message; undefined at the end. */
  async next(): Promise<string[] | undefined> {
    const { value, done } = await this.#messages.next();
    if (done === true || value === undefined) return undefined;
    const found = value.records.map(jsonOf);
    this.values.push(...found);
    this.cursor = value.cursor;
    return found;
  }

  /** The values of the next message that has some. */
  async more(): Promise<string[] | undefined> {
    for (;;) {
      const found = await this.next();
      if (found === undefined || found.length > 0) return found;
    }
  }

  async toEnd(): Promise<void> {
    while ((await this.next()) !== undefined);
  }

  close(): void {
    this.#stop.abort();
  }
}

describe("several reader processes", () => {
  let harness: Harness;
  let a: Reader;
  let b: Reader;

  beforeEach(async () => {
    harness = await Harness.start({ busyWaitMs: 1500, batchBytes: 4096 });
    await harness.topic("quakes");
    const other = await harness.another();
    a = harness.client;
    b = other.client;
  });
  afterEach(() => harness.stop());

  it("take a reader over from each other, where it was acknowledged", async () => {
    await harness.write("quakes", numbers(10));
    expect(await harness.values({ reader: "r", limit: 4n }, a)).toEqual(numbers(4));
    await harness.write("quakes", numbers(5, 10));
    // AUTO: the evidence may come a moment after the end.
    await harness.values({ reader: "r", limit: 1n, ack: AckMode.MANUAL }, a);
    expect(await harness.values({ reader: "r", limit: 4n }, b)).toEqual(numbers(4, 4));
    expect(await harness.values({ reader: "r", limit: 4n }, a)).toEqual(numbers(4, 8));
    expect(await harness.values({ reader: "r" }, b)).toEqual(numbers(3, 12));
    expect(await harness.values({ reader: "r" }, b)).toEqual([]);
  }, 30_000);

  it("never give to one what another has under way", async () => {
    await harness.write("quakes", numbers(10));
    const lease = new Stream(a, { reader: "r", ack: AckMode.LEASE });
    expect(await lease.next()).toEqual(numbers(10));
    const busy = await failure(harness.values({ reader: "r" }, b));
    expect([busy.code, reasonOf(busy)]).toEqual([Code.Aborted, "READER_BUSY"]);
    expect(busy.rawMessage).toContain("held by another reader process");
    // Nor may anybody move it meanwhile.
    expect((await failure(b.seek({ reader: "r", to: { case: "earliest", value: {} } }))).code).toBe(Code.Aborted);
    expect((await failure(b.deleteReader({ reader: "r" }))).code).toBe(Code.Aborted);
    // What acknowledges is never refused, and the lease hears of it, wherever it was.
    expect(await b.acknowledge({ reader: "r", cursor: lease.cursor })).toMatchObject({ changed: true });
    await lease.toEnd();
    expect(await harness.values({ reader: "r" }, b)).toEqual([]);
    await harness.write("quakes", numbers(2, 10));
    expect(await harness.values({ reader: "r" }, b)).toEqual(numbers(2, 10));
  }, 30_000);

  it("end a live tail that another one has taken the reader from, before it delivers anything twice", async () => {
    await harness.write("quakes", numbers(3));
    const tail = new Stream(a, { reader: "r", follow: true });
    await tail.next();
    while ((await a.getReader({ reader: "r" })).reader?.unread !== 0n) await sleep(20);
    // Nothing of it is under way: who asks, gets it.
    const heir = new Stream(b, { reader: "r", follow: true, ack: AckMode.MANUAL });
    const first = heir.more();
    await sleep(1500);
    await harness.write("quakes", numbers(3, 3));
    expect(await first).toEqual(numbers(3, 3));
    const moved = await failure(tail.toEnd());
    expect([moved.code, reasonOf(moved)]).toEqual([Code.Unavailable, "READER_MOVED"]);
    expect(tail.values).toEqual(numbers(3));
    heir.close();
  }, 30_000);

  /** Four clients, two at each process, read a reader in turn until all have so many; gives what came, and why who was refused. */
  async function inTurn(name: string, all: number): Promise<{ got: string[]; refused: Set<string> }> {
    const got: string[] = [];
    const refused = new Set<string>();
    const client = async (reader: Reader): Promise<void> => {
      while (new Set(got).size < all) {
        const stream = new Stream(reader, { reader: name, ack: AckMode.LEASE, limit: 40n });
        try {
          let complete = false;
          while (!complete) {
            const found = await stream.next();
            if (found === undefined) break;
            complete = found.length === 0 || stream.values.length >= 40;
          }
          if (stream.values.length === 0) continue;
          // As a client that has it all: it counts from here on.
          got.push(...stream.values);
          await reader.acknowledge({ reader: name, cursor: stream.cursor });
          await stream.toEnd();
        } catch (error) {
          refused.add(reasonOf(ConnectError.from(error)) ?? String(error));
        } finally {
          stream.close();
        }
      }
    };
    await Promise.all([client(a), client(b), client(a), client(b)]);
    return { got, refused };
  }

  it("deliver everything once and in order to clients that use them in turn, as two gateways with different views do", async () => {
    await harness.write("quakes", numbers(400));
    const { got, refused } = await inTurn("r", 400);
    expect(got).toEqual(numbers(400));
    // Whatever was refused says: again.
    for (const reason of refused) expect(["READER_BUSY", "READER_MOVED"]).toContain(reason);
  }, 120_000);

  it("deliver a reader's very first records to one, although the first fetch comes to both at once", async () => {
    await harness.write("quakes", numbers(200));
    for (let i = 0; i < 3; i += 1) {
      const { got } = await inTurn(`new-${i}`, 200);
      expect(got).toEqual(numbers(200));
      expect(await harness.values({ reader: `new-${i}` }, b)).toEqual([]);
    }
  }, 120_000);

  it("share as many readers as there are, each served by one at a time", async () => {
    await harness.write("quakes", numbers(20));
    const names = Array.from({ length: 10 }, (_, i) => `r${i}`);
    for (const client of [a, b]) {
      const found = await Promise.all(names.map((reader) => harness.values({ reader, limit: 10n }, client)));
      const expected = client === a ? numbers(10) : numbers(10, 10);
      expect(found).toEqual(names.map(() => expected));
    }
  }, 30_000);
});

/** What a process does that is frozen at a certain moment: its next commit is made when it goes on. */
class Freezing {
  readonly log: LogReader;
  #frozen: Promise<void> | undefined;
  #thaw: () => void = () => {};
  #reached: () => void = () => {};

  constructor(log: LogReader) {
    const before = async (): Promise<void> => {
      const frozen = this.#frozen;
      this.#frozen = undefined;
      if (frozen === undefined) return;
      this.#reached();
      await frozen;
    };
    this.log = new Proxy(log, {
      get: (target, name) => {
        if (name === "commit") {
          return async (...args: [string, readonly CommittedOffset[], AbortSignal?, number?]) => {
            await before();
            return await target.commit(...args);
          };
        }
        const value: unknown = Reflect.get(target, name);
        return typeof value === "function" ? (value.bind(target) as unknown) : value;
      },
    });
  }

  /** Resolves when it is about to commit, and frozen. */
  freeze(): Promise<void> {
    this.#frozen = new Promise((resolve) => (this.#thaw = resolve));
    return new Promise((resolve) => (this.#reached = resolve));
  }

  thaw(): void {
    this.#thaw();
  }
}

describe("a reader process that was frozen", () => {
  let harness: Harness;
  let log: LogReader;
  let frozen: Freezing;
  let positions: Positions;
  let tenures: Tenures;
  const never = new AbortController().signal;

  beforeEach(async () => {
    harness = await Harness.start({ busyWaitMs: 1500 });
    await harness.topic("quakes");
    await harness.write("quakes", numbers(100));
    log = createLogReader(harness.settings);
    frozen = new Freezing(log);
    const claims = new Claims(frozen.log, harness.names, newProcessId());
    claims.enable(CLAIM_PARTITIONS);
    tenures = new Tenures(claims);
    positions = new Positions(
      frozen.log,
      harness.names,
      new Catalogue(frozen.log, harness.names, [], silentLogger),
      claims,
    );
  });
  afterEach(async () => {
    await log.close();
    await harness.stop();
  });

  const offset = async (): Promise<number> => (await positions.find("r")).places[0]?.offset ?? -1;
  const placeAt = async (at: number) => (await positions.find("r")).places.map((place) => ({ ...place, offset: at }));
  const enter = async () => {
    const session = await new Sessions().hold("r", { requestId: "x", follow: false }, 0, never);
    const entry = { session, follow: false, busyWaitMs: 0, signal: never };
    const { tenure } = await tenures.enter("r", entry, async () => positions.open("r", "earliest"));
    return { session, tenure };
  };

  it("does not move a position back by an acknowledgement that it had begun before", async () => {
    await enter();
    const [early, late] = [await placeAt(10), await placeAt(60)];
    const reached = frozen.freeze();
    const acknowledging = positions.advance("r", early);
    await reached;
    // Another process acknowledges more, without any delay.
    const other = new Positions(
      log,
      harness.names,
      new Catalogue(log, harness.names, [], silentLogger),
      tenures.claims,
    );
    expect(await other.advance("r", late)).toMatchObject({ changed: true });
    await sleep(1100);
    frozen.thaw();
    expect(await acknowledging).toMatchObject({ changed: false });
    expect(await offset()).toBe(60);
  });

  it("does not move a reader by a Seek that it had begun before another one took it over", async () => {
    const { tenure } = await enter();
    const start = await placeAt(0);
    await tenure.sure();
    const reached = frozen.freeze();
    const seeking = positions.set("r", start, tenure.sendBy);
    await reached;
    expect(await harness.values({ reader: "r", limit: 50n })).toEqual(numbers(50));
    while ((await offset()) !== 50) await sleep(20);
    frozen.thaw();
    expect(await seeking).toBe(false);
    expect(await offset()).toBe(50);
    expect(reasonOf(ConnectError.from(await failure(tenure.sure())))).toBe("READER_MOVED");
  });

  it("delivers nothing more, although it had records under way", async () => {
    const { session, tenure } = await enter();
    await tenure.delivering(await placeAt(20));
    // Frozen: no timer of its fires, nobody stands by the claim.
    session.release();
    expect(await harness.values({ reader: "r", limit: 50n })).toEqual(numbers(50));
    expect(reasonOf(await failure(tenure.delivering(await placeAt(40))))).toBe("READER_MOVED");
    expect(tenure.signal.aborted).toBe(true);
  });

  it("stands by what it has under way as long as it is awake", async () => {
    const { session, tenure } = await enter();
    const places = await placeAt(20);
    await tenure.delivering(places);
    const busy = await failure(harness.values({ reader: "r" }));
    expect(reasonOf(busy)).toBe("READER_BUSY");
    await tenure.delivering(places);
    await positions.advance("r", places);
    session.acknowledged(places);
    expect(await harness.values({ reader: "r", limit: 10n })).toEqual(numbers(10, 20));
  });
});
