import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { AckMode } from "@apispool/contracts/apispool/v1/data_reader_pb.js";
import { OutputClosed } from "../surroundings.js";
import { FakeGateway, cursorOf, expiredGap } from "../testing/fake-gateway.js";
import { TestSurroundings, until } from "../testing/run.js";

describe("apispool tail", () => {
  let gateway: FakeGateway;
  let around: TestSurroundings;

  beforeEach(async () => {
    gateway = await FakeGateway.start();
    around = new TestSurroundings();
    around.env = { APISPOOL_URL: gateway.url };
    gateway.add('{"n":0}', '{"n":1}');
  });
  afterEach(async () => gateway.stop());

  const lines = () => around.outText.split("\n").slice(0, -1);

  it("begins at the end, moves nobody, and ends by Ctrl-C with 130", async () => {
    const running = around.run("tail");
    await until(() => gateway.fetches.length === 1);
    expect(gateway.fetches).toMatchObject([{ since: "latest", follow: true, reader: "", ackCursor: "" }]);
    gateway.add('{"n":2,\n "big":12345678901234567890}');
    await until(() => lines().length === 1);
    around.interrupt();
    expect(await running).toEqual({
      code: 130,
      out: '2026-11-25T11:59:02.000Z quakes q2 {"n":2,  "big":12345678901234567890}\n',
      err: "",
    });
    expect([gateway.acknowledged, [...gateway.positions]]).toEqual([[], []]);
  });

  it.each([
    ["15m", "2026-11-25T11:45:00.000Z"],
    ["earliest", "earliest"],
    ["2026-11-24", "2026-11-24T00:00:00.000Z"],
    ["2026-11-24t12:00:00+01:00", "2026-11-24T11:00:00.000Z"],
    ["cursor-1", "cursor-1"],
  ])("begins where it is told: %s", async (since, asked) => {
    const running = around.run("tail", "--since", since, "--source", "quakes");
    await until(() => gateway.fetches.length === 1);
    expect(gateway.fetches).toMatchObject([{ since: asked, sources: ["quakes"] }]);
    around.interrupt();
    expect((await running).code).toBe(130);
  });

  it("goes on behind what was written last when the gateway has been away", async () => {
    const running = around.run("tail", "--since", "earliest", "--data");
    await until(() => lines().length === 2);
    await gateway.stop();
    await until(() => around.errText.includes("trying again"));
    gateway.add('{"n":2}');
    await gateway.listen();
    await until(() => lines().length === 3);
    around.interrupt();
    const { out, err } = await running;
    expect(out).toBe('{"n":0}\n{"n":1}\n{"n":2}\n');
    expect(err).toMatch(/^the connection to http:.* is lost \(the connection .*\); trying again\nconnected again\n$/);
    expect(gateway.fetches.at(-1)?.since).toBe(cursorOf(2));
  });

  it("as a reader: goes on where that stands, acknowledges what was written, also over a restart", async () => {
    gateway.positions.set("me", 1);
    const running = around.run("tail", "--reader", "me", "--start", "latest", "--json");
    await until(() => gateway.positions.get("me") === 2);
    expect(lines().map((line) => (JSON.parse(line) as { id: string }).id)).toEqual(["q1"]);
    expect(gateway.fetches).toMatchObject([
      { reader: "me", ack: AckMode.MANUAL, since: "", start: { at: { case: "latest" } } },
    ]);
    await gateway.stop();
    await until(() => around.errText.includes("trying again"));
    gateway.add('{"n":2}');
    await gateway.listen();
    await until(() => gateway.positions.get("me") === 3);
    around.interrupt();
    expect((await running).code).toBe(130);
    expect(lines()).toHaveLength(2);
    expect(gateway.fetches.at(-1)?.ackCursor).toBe(cursorOf(2));
  });

  it("ends quietly where nobody reads any more, and acknowledges only what was written", async () => {
    gateway.batchSize = 1;
    around.onWrite = (text) => {
      if (text.includes("q1")) throw new OutputClosed();
    };
    expect(await around.run("tail", "--reader", "me", "--json")).toMatchObject({ code: 0, err: "" });
    expect(lines()).toHaveLength(1);
    expect(gateway.positions.get("me")).toBe(1);
  });

  it("does not acknowledge what is being written when it is interrupted", async () => {
    around.onWrite = async () => {
      around.interrupt();
      await new Promise((_, reject) => {
        const { reason } = around.interruption();
        reject(reason as Error);
      });
    };
    expect(await around.run("tail", "--reader", "me")).toMatchObject({ code: 130, out: "", err: "" });
    expect(gateway.acknowledged).toEqual([]);
  });

  it("says what can never be had again", async () => {
    gateway.gap = expiredGap;
    const running = around.run("tail", "--since", "earliest");
    await until(() => lines().length === 2);
    around.interrupt();
    expect((await running).err).toBe("gap in quakes/0, offsets 3 to 5 (expired): Kafka deleted them\n");
  });

  it("fits a line of the terminal, and lets no record move its cursor", async () => {
    around.output = { isTerminal: true, columns: 50 };
    gateway.add(`{"text":"\u009B2J${"x".repeat(100)}"}`);
    const running = around.run("tail", "--since", "earliest", "--no-color");
    await until(() => lines().length === 3);
    around.interrupt();
    const { out } = await running;
    expect(out.split("\n")[2]).toBe('2026-11-25T11:59:02.000Z quakes q2 {"text":"\\u009…');
  });

  it("does not wait for what will not pass by itself", async () => {
    expect(await around.run("tail", "--source", "bogus")).toEqual({
      code: 2,
      out: "",
      err: 'apispool: sources: unknown: "bogus"; known: quakes\n',
    });
  });
});
