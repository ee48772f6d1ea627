import { Code } from "@connectrpc/connect";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { AckMode } from "@apispool/contracts/apispool/v1/data_reader_pb.js";
import { rpcError } from "@apispool/common/errors.js";
import { OutputClosed } from "../surroundings.js";
import { FakeGateway, cursorOf, expiredGap } from "../testing/fake-gateway.js";
import { TestSurroundings, until } from "../testing/run.js";

describe("apispool fetch", () => {
  let gateway: FakeGateway;
  let around: TestSurroundings;

  beforeEach(async () => {
    gateway = await FakeGateway.start();
    around = new TestSurroundings();
    around.env = { APISPOOL_URL: gateway.url };
    gateway.batchSize = 2;
    gateway.add('{"n":12345678901234567890}', '{"n":1}', '{"n":2}');
  });
  afterEach(async () => gateway.stop());

  const ids = (out: string) =>
    out
      .split("\n")
      .slice(0, -1)
      .map((line) => (JSON.parse(line) as { id: string }).id);

  it("prints what is unread as JSON lines, and nothing the next time", async () => {
    const { code, out, err } = await around.run("fetch");
    expect([code, err]).toEqual([0, ""]);
    expect(out.split("\n")[0]).toBe(
      '{"source":"quakes","id":"q0","partition":0,"offset":0,"ingestedAt":"2026-11-25T11:59:00.000Z","eventTime":null,"data":{"n":12345678901234567890}}',
    );
    expect(ids(out)).toEqual(["q0", "q1", "q2"]);
    expect(await around.run("fetch", "--json")).toEqual({ code: 0, out: "", err: "" });
    // Leased, so that a second fetch at the same time does not get them, too.
    expect(gateway.fetches[0]).toMatchObject({ reader: "default", ack: AckMode.LEASE });
  });

  it("hands on what it is told", async () => {
    const args = "fetch --reader me --source quakes --limit 1 --wait 1.5s --start earliest".split(" ");
    const { out } = await around.run(...args);
    expect(ids(out)).toEqual(["q0"]);
    expect(gateway.fetches).toMatchObject([
      {
        reader: "me",
        sources: ["quakes"],
        limit: 1n,
        wait: { seconds: 1n, nanos: 500_000_000 },
        start: { at: { case: "earliest" } },
      },
    ]);
    expect(gateway.positions.get("me")).toBe(1);
  });

  it("--data: only what the API sent", async () => {
    expect((await around.run("fetch", "--data")).out).toBe('{"n":12345678901234567890}\n{"n":1}\n{"n":2}\n');
  });

  it("--ack manual: tells the cursor, and gives the same again until it is acknowledged", async () => {
    const first = await around.run("fetch", "--ack", "manual", "--limit", "2");
    expect([ids(first.out), first.err]).toEqual([["q0", "q1"], `--ack-cursor ${cursorOf(2)}\n`]);
    expect((await around.run("fetch", "--ack", "manual", "--limit", "2")).out).toBe(first.out);
    expect(ids((await around.run("fetch", "--ack", "manual", "--ack-cursor", cursorOf(2))).out)).toEqual(["q2"]);
    expect(gateway.positions.get("default")).toBe(2);
  });

  it("--since: moves nobody", async () => {
    const { out, err } = await around.run("fetch", "--since", "earliest");
    expect([ids(out).length, err]).toEqual([3, `--since ${cursorOf(3)}\n`]);
    expect([...gateway.positions]).toEqual([]);
  });

  it("acknowledges a batch only once it is written", async () => {
    around.onWrite = (text) => {
      if (text.includes("q2")) throw new OutputClosed();
    };
    expect(await around.run("fetch")).toMatchObject({ code: 0, err: "" });
    expect(gateway.positions.get("default")).toBe(2);
    around.onWrite = () => {
      throw new Error("ENOSPC: no space left on device");
    };
    expect(await around.run("fetch")).toEqual({ code: 1, out: "", err: "apispool: ENOSPC: no space left on device\n" });
    expect(gateway.positions.get("default")).toBe(2);
    around.onWrite = () => undefined;
    expect(ids((await around.run("fetch")).out)).toEqual(["q2"]);
  });

  it("says so where what was written cannot be acknowledged", async () => {
    gateway.acknowledgeError = rpcError(
      Code.FailedPrecondition,
      "READER_IN_USE_BY_GROUP",
      "a Kafka consumer is a member",
    );
    const { code, err } = await around.run("fetch");
    expect(code).toBe(1);
    expect(err).toBe(
      "apispool: what was written could not be acknowledged, and will come again: a Kafka consumer is a member\n",
    );
  });

  it("does not take a stream that breaks off for nothing more; what came counts", async () => {
    gateway.breakAfter = 3;
    const { code, out, err } = await around.run("fetch");
    expect([code, ids(out)]).toEqual([1, ["q0", "q1"]]);
    expect(err).toContain("ended before it was complete");
    expect(gateway.positions.get("default")).toBe(2);
  });

  it("says what can never be had again", async () => {
    gateway.gap = expiredGap;
    expect((await around.run("fetch")).err).toBe("gap in quakes/0, offsets 3 to 5 (expired): Kafka deleted them\n");
  });

  it("tells how far it is where a terminal sees only that", async () => {
    around.errors = { isTerminal: true, columns: 80 };
    let writes = 0;
    around.onWrite = async () => {
      writes += 1;
      if (writes === 2) await until(() => around.errText.includes("2 records …"));
    };
    const { err } = await around.run("fetch");
    expect(err.replaceAll("\r\u001B[K", "⌫")).toMatch(/^(⌫2 records …)+⌫$/);
  });
});
