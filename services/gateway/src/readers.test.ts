import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { type Client, Code, ConnectError, createClient } from "@connectrpc/connect";
import { Http2SessionManager, createGrpcTransport } from "@connectrpc/connect-node";
import { AckMode, DataReader, type FetchUnreadResponse } from "@apispool/contracts/apispool/v1/data_reader_pb.js";
import { inOrderOfPreference } from "./rendezvous.js";
import { Cable } from "./testing/cable.js";
import { FakeReader } from "./testing/fake-upstreams.js";
import { Harness, eventually } from "./testing/harness.js";
import { RawClient } from "./testing/raw-client.js";

const records = (count: number): string[] => Array.from({ length: count }, (_, n) => `{"n":${n}}`);

const errorOf = (thrown: unknown): ConnectError => ConnectError.from(thrown);

async function collect(stream: AsyncIterable<FetchUnreadResponse>): Promise<number[]> {
  const found: number[] = [];
  for await (const batch of stream) found.push(...batch.records.map(({ offset }) => Number(offset)));
  return found;
}

describe("several reader processes behind one gateway", () => {
  let harness: Harness;
  /** All on one log; the first is the harness's own. */
  let readers: FakeReader[];
  let cables: Cable[];
  let session: Http2SessionManager;
  let client: Client<typeof DataReader>;

  beforeEach(async () => {
    const first = new FakeReader();
    readers = [first, new FakeReader(first), new FakeReader(first)];
    cables = await Promise.all(readers.map(async (reader) => Cable.to(await reader.start())));
    harness = await Harness.start({ readers: cables.map(({ address }) => ({ kind: "address", address })) });
    session = new Http2SessionManager(harness.url);
    client = createClient(DataReader, createGrpcTransport({ baseUrl: harness.url, sessionManager: session }));
    await eventually(() => readers.every(({ health }) => health.serving));
  });
  afterEach(async () => {
    session.abort();
    await harness.stop();
    for (const cable of cables) cable.cut();
    await Promise.all(readers.map((reader) => reader.stop()));
  });

  /** The processes in the order in which a name prefers them. */
  const preferred = (name: string): number[] => inOrderOfPreference(name, cables).map((cable) => cables.indexOf(cable));
  const nameFor = (index: number, n = 0): string =>
    Array.from({ length: 1000 }, (_, i) => `name-${i}`).filter((name) => preferred(name)[0] === index)[n] ?? "";
  const askedFor = (name: string): number[] =>
    readers.map(({ requests }) => requests.filter((request) => request.reader === name).length);

  it("sends all requests of a name to one of them, and the names to all of them", async () => {
    readers[0]?.add(records(3));
    const names = Array.from({ length: 30 }, (_, i) => `r${i}`);
    for (let round = 0; round < 2; round += 1) {
      for (const name of names)
        expect(await collect(client.fetchUnread({ reader: name, ack: AckMode.MANUAL }))).toHaveLength(3);
    }
    for (const name of names) {
      expect(askedFor(name)[preferred(name)[0] ?? 0]).toBe(2);
      expect(askedFor(name).reduce((a, b) => a + b)).toBe(2);
    }
    expect(readers.every(({ requests }) => requests.length > 0)).toBe(true);
    const cursorTo = readers[preferred("r1")[0] ?? 0];
    await client.acknowledge({ reader: "r1", cursor: "c2" });
    expect(cursorTo?.acknowledged).toEqual(["c2"]);
  });

  it("goes on with the next one when one is killed, for fetches that had nothing yet as well", async () => {
    const name = nameFor(0);
    const waiting = collect(client.fetchUnread({ reader: name, wait: { seconds: 60n }, ack: AckMode.MANUAL }));
    await eventually(() => readers[0]?.held === 1);
    cables[0]?.cut();
    const next = readers[preferred(name)[1] ?? 0];
    await eventually(() => next?.held === 1);
    next?.add(records(2));
    expect(await waiting).toEqual([0, 1]);
    // Nor is any other call of its names refused.
    const other = nameFor(0, 1);
    expect(await collect(client.fetchUnread({ reader: other }))).toEqual([0, 1]);
    await eventually(() => readers[0]?.positionOf(other) === 2);
    expect(await client.acknowledge({ reader: name, cursor: "c2" })).toMatchObject({ changed: true });
    expect((await fetch(`${harness.url}/readyz`)).status).toBe(200);
    // And they are the first one's again when it is back.
    await cables[0]?.mend();
    await eventually(async () => {
      await collect(client.fetchUnread({ reader: other }));
      return (askedFor(other)[0] ?? 0) > 0;
    });
  });

  it("ends a stream that had begun with UNAVAILABLE", async () => {
    const name = nameFor(1);
    readers[0]?.add(records(2));
    const tail = client.fetchUnread({ reader: name, follow: true })[Symbol.asyncIterator]();
    expect((await tail.next()).value?.records).toHaveLength(2);
    await eventually(() => readers[0]?.positionOf(name) === 2);
    cables[1]?.cut();
    const error = await tail.next().then(() => undefined, errorOf);
    expect(error).toMatchObject({ code: Code.Unavailable });
    expect(error?.rawMessage).toContain(`the reader at ${cables[1]?.address} cannot be reached`);
    readers[0]?.add(records(1));
    expect(await collect(client.fetchUnread({ reader: name }))).toEqual([2]);
  });

  it("gives one up that keeps silent, and takes it back when it answers", async () => {
    const [name, calm] = [nameFor(2), nameFor(1)];
    const undisturbed = client.fetchUnread({ reader: calm, follow: true })[Symbol.asyncIterator]();
    readers[0]?.add(records(1));
    expect((await undisturbed.next()).value?.records).toHaveLength(1);
    cables[2]?.freeze();
    // In time, and without an error.
    expect(await collect(client.fetchUnread({ reader: name }))).toEqual([0]);
    expect(askedFor(name)[preferred(name)[1] ?? 0]).toBe(1);
    await eventually(() => readers[0]?.positionOf(name) === 1);
    cables[2]?.thaw();
    await eventually(async () => {
      await collect(client.fetchUnread({ reader: name }));
      return (askedFor(name)[2] ?? 0) > 0;
    });
    for (const reader of readers) reader.add(records(1));
    expect((await undisturbed.next()).value?.records.length).toBeGreaterThan(0);
  }, 30_000);

  it("does not send names to one that says it is not ready, unless nobody is", async () => {
    const name = nameFor(0);
    readers[0]?.add(records(1));
    readers[0]?.health.setServing(false);
    await eventually(async () => {
      await collect(client.fetchUnread({ reader: name, ack: AckMode.MANUAL }));
      return (askedFor(name)[preferred(name)[1] ?? 0] ?? 0) > 0;
    });
    expect((await fetch(`${harness.url}/readyz`)).status).toBe(200);
    for (const reader of readers) reader.health.setServing(false);
    await eventually(async () => (await fetch(`${harness.url}/readyz`)).status === 503);
    const problem = (await (await fetch(`${harness.url}/readyz`)).json()) as { detail: string };
    for (const { address } of cables)
      expect(problem.detail).toContain(`the reader at ${address} says that it is not ready`);
    // What is wrong is then for the process itself to say.
    expect(await collect(client.fetchUnread({ reader: name, ack: AckMode.MANUAL }))).toEqual([0]);
  });

  it("leaves a name that is in use where it is, until it no longer is", async () => {
    const name = nameFor(0);
    cables[0]?.cut();
    await eventually(async () => {
      await collect(client.fetchUnread({ reader: nameFor(0, 1) }));
      return askedFor(nameFor(0, 1))[0] === 0;
    });
    const second = preferred(name)[1] ?? 0;
    readers[second]?.add(records(1));
    const stop = new AbortController();
    const tail = client.fetchUnread({ reader: name, follow: true }, { signal: stop.signal })[Symbol.asyncIterator]();
    expect((await tail.next()).value?.records).toHaveLength(1);
    await cables[0]?.mend();
    // It is back: a name that is not in use goes to it.
    const free = nameFor(0, 2);
    await eventually(async () => {
      await collect(client.fetchUnread({ reader: free }));
      return (askedFor(free)[0] ?? 0) > 0;
    });
    const lockWaitMs = 50;
    for (const reader of readers) reader.lockWaitMs = lockWaitMs;
    const busy = await collect(client.fetchUnread({ reader: name })).then(() => undefined, errorOf);
    expect(busy?.code).toBe(Code.Aborted);
    expect(askedFor(name)[0]).toBe(0);
    stop.abort();
    await eventually(async () => {
      await collect(client.fetchUnread({ reader: name })).catch(() => undefined);
      return (askedFor(name)[0] ?? 0) > 0;
    });
  });

  it("keeps a name's next fetch waiting where the lease went with its process", async () => {
    const name = nameFor(0);
    // Less than the sockets' buffers hold: the answer is written, and most of it is with nobody yet.
    readers[0]?.add(Array.from({ length: 20 }, (_, n) => JSON.stringify({ n, text: "x".repeat(40_000) })));
    const slow = new RawClient({
      port: harness.port,
      request: Buffer.from(`GET /data?reader=${name} HTTP/1.1\r\nhost: x\r\n\r\n`),
      bytes: 1000,
    });
    await slow.full();
    await eventually(() => readers[0]?.sent === 20);
    await new Promise((resolve) => setTimeout(resolve, 300));
    cables[0]?.cut();
    let delivered: number[] | undefined;
    const next = collect(client.fetchUnread({ reader: name, limit: 10n })).then(
      (found) => (delivered = found),
      errorOf,
    );
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(delivered).toBeUndefined();
    // Cut off with bytes unread: it does not have them, so they are delivered again.
    slow.die();
    await next;
    expect(delivered).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  }, 30_000);

  it("acknowledges with the next one what was received before its process died", async () => {
    const name = nameFor(0);
    readers[0]?.add(records(5));
    expect(await collect(client.fetchUnread({ reader: name }))).toEqual([0, 1, 2, 3, 4]);
    cables[0]?.cut();
    expect(await collect(client.fetchUnread({ reader: name }))).toEqual([]);
    await eventually(() => readers[0]?.positionOf(name) === 5);
  });
});

describe("reader processes behind a name in DNS", () => {
  it("are found as they come, and left as they go", async () => {
    const first = new FakeReader();
    const second = new FakeReader(first);
    const [, port = ""] = (await first.start("127.0.0.1:0")).split(":");
    await second.start(`127.0.0.2:${port}`);
    let there = ["127.0.0.1"];
    const harness = await Harness.start(
      { readers: [{ kind: "dns", host: "reader.test", port: Number(port) }] },
      async () => there,
    );
    try {
      first.add(records(1));
      const names = Array.from({ length: 20 }, (_, i) => `n${i}`);
      const ask = async (): Promise<void> => {
        for (const name of names)
          expect((await fetch(`${harness.url}/data?reader=${name}&ack=manual`)).status).toBe(200);
      };
      await ask();
      expect(second.requests).toHaveLength(0);
      there = ["127.0.0.1", "127.0.0.2"];
      await eventually(async () => {
        await ask();
        return second.requests.length > 0;
      });
      there = ["127.0.0.2"];
      await eventually(async () => {
        const before = first.requests.length;
        await ask();
        return first.requests.length === before;
      });
    } finally {
      await harness.stop();
      await Promise.all([first.stop(), second.stop()]);
    }
  }, 30_000);
});
