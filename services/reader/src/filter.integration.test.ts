import { BadRequestSchema } from "@apispool/contracts/google/rpc/error_details_pb.js";
import { Code, ConnectError } from "@connectrpc/connect";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { AckMode } from "@apispool/contracts/apispool/v1/data_reader_pb.js";
import { Harness, jsonOf, numbers } from "./testing/harness.js";

describe("filters", () => {
  let harness: Harness;
  beforeEach(async () => {
    harness = await Harness.start({ busyWaitMs: 300, batchBytes: 4096 });
    await harness.topic("quakes", 2);
    await harness.write("quakes", numbers(1000));
    await harness.write("quakes", numbers(500, 5000), { abort: true });
    await harness.write("quakes", numbers(1000, 1000), { partition: 1 });
  });
  afterEach(() => harness.stop());

  const unread = async (reader = "default"): Promise<bigint | undefined> =>
    (await harness.client.getReader({ reader })).reader?.unread;

  /** Evidence that a client has everything comes a moment after the end. */
  const allIsRead = async (reader?: string): Promise<void> => {
    for (const end = Date.now() + 20_000; (await unread(reader)) !== 0n;) {
      if (Date.now() > end) throw new Error(`${await unread(reader)} are still unread`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };

  it("deliver what passes, and count the rest as read", async () => {
    const where = "n > `989` && n < `1010`";
    const values = await harness.values({ where });
    expect([...values].sort()).toEqual([...numbers(20, 990)].sort());
    await allIsRead();
    expect(await harness.values()).toEqual([]);
    await harness.write("quakes", numbers(3, 2000));
    expect(await harness.values()).toEqual(numbers(3, 2000));
  });

  it("count everything as read where nothing passes", async () => {
    const { batches, cursor } = await harness.fetch({ keys: ["nobody"] });
    expect(batches.at(-1)).toMatchObject({ records: [], complete: true });
    expect(cursor).not.toBe("");
    await allIsRead();
  });

  it("find keys and headers, alone and together", async () => {
    const ids = async (init: Parameters<Harness["fetch"]>[0]): Promise<string[]> =>
      (await harness.fetch({ ack: AckMode.MANUAL, ...init })).records
        .map(({ partition, id }) => `${partition}/${id}`)
        .sort();
    expect(await ids({ keys: ["k7", "k999", "none"] })).toEqual(["0/k7", "0/k999", "1/k7", "1/k999"]);
    expect(await ids({ headers: { ce_id: "k7", "content-type": "application/json" } })).toEqual(["0/k7", "1/k7"]);
    expect(await ids({ headers: { ce_id: "k7", "content-type": "text/plain" } })).toEqual([]);
    expect(await ids({ keys: ["k7", "k8"], where: "n >= `1000`", sources: ["quakes"] })).toEqual(["1/k7", "1/k8"]);
  });

  it("keep to limits by what is delivered, and go on exactly behind it", async () => {
    const seen: string[] = [];
    for (;;) {
      const some = await harness.values({ where: "n < `10` || n > `1990`", limit: 3n });
      seen.push(...some);
      expect(some.length).toBeLessThanOrEqual(3);
      if (some.length === 0) break;
    }
    expect(seen.sort()).toEqual([...numbers(10), ...numbers(9, 1991)].sort());
    await allIsRead();
  });

  it("acknowledge by cursor what did not pass too, and replay from one", async () => {
    const { cursor, records } = await harness.fetch({ ack: AckMode.MANUAL, where: "n == `3`" });
    expect(records.map(jsonOf)).toEqual(['{"n":3}']);
    expect(await harness.values({ ack: AckMode.MANUAL, where: "n == `3`" })).toEqual(['{"n":3}']);
    await harness.client.acknowledge({ cursor });
    expect(await unread()).toBe(0n);
    expect(await harness.values({ since: cursor })).toEqual([]);
    await harness.client.seek({ to: { case: "earliest", value: {} } });
    expect(await harness.values({ ack: AckMode.LEASE, lease: { nanos: 1_000_000 }, where: "n == `4`" })).toEqual([
      '{"n":4}',
    ]);
  });

  it("wait and follow until something passes", async () => {
    const waiting = harness.values({ reader: "w", where: "n == `7777`", wait: { seconds: 60n } });
    const gone = new AbortController();
    const seen: string[] = [];
    const tail = (async () => {
      const init = { reader: "f", where: "n >= `7777`", follow: true };
      for await (const { records } of harness.client.fetchUnread(init, { signal: gone.signal })) {
        seen.push(...records.map(jsonOf));
      }
    })();
    await harness.write("quakes", numbers(100, 3000));
    await harness.write("quakes", numbers(1, 7777));
    expect(await waiting).toEqual(numbers(1, 7777));
    for (const end = Date.now() + 20_000; seen.length === 0;) {
      if (Date.now() > end) throw new Error("nothing came");
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    // What does not pass any more is acknowledged all the same, a moment later.
    await harness.write("quakes", numbers(100, 4000));
    await allIsRead("f");
    gone.abort();
    await expect(tail).rejects.toThrow();
    expect(seen).toEqual(numbers(1, 7777));
    expect(await unread("w")).toBe(100n);
  });

  it("say what is wrong with them, by field and place", async () => {
    const error = await harness.values({ keys: [""], where: "n > `5` && ) x" }).then(
      () => undefined,
      (failure: unknown) => ConnectError.from(failure),
    );
    expect(error?.code).toBe(Code.InvalidArgument);
    const [details] = error?.findDetails(BadRequestSchema) ?? [];
    expect(details?.fieldViolations.map(({ field, description }) => [field, description])).toEqual([
      ["keys[0]", expect.stringContaining("is empty")],
      ["where", expect.stringContaining('wrong at character 12 (") x")')],
    ]);
  });
});
