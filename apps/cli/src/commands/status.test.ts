import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { ActualState, DesiredState } from "@apispool/contracts/apispool/v1/worker_control_pb.js";
import { FakeGateway, at } from "../testing/fake-gateway.js";
import { TestSurroundings, until } from "../testing/run.js";

describe("apispool status", () => {
  let gateway: FakeGateway;
  let around: TestSurroundings;

  beforeEach(async () => {
    gateway = await FakeGateway.start();
    around = new TestSurroundings();
    around.env = { APISPOOL_URL: gateway.url };
    const [quakes] = gateway.statuses;
    if (quakes === undefined) return;
    const started = { ...quakes, desiredState: DesiredState.STARTED };
    const time = (seconds: number) => ({ ...at(seconds), $typeName: "google.protobuf.Timestamp" as const });
    gateway.statuses = [
      { ...started, actualState: ActualState.IDLE, lastPollAt: time(-3), nextPollAt: time(2), recordsTotal: 12345n },
      {
        ...started,
        source: "orders",
        actualState: ActualState.BACKING_OFF,
        lastPollAt: time(-59.7 * 60),
        nextPollAt: time(0),
        consecutiveFailures: 3,
        lastError: "api.example.com answered 503 Service Unavailable to GET /v1/orders",
        deadLettered: 1n,
      },
      { ...quakes, source: "old", lastPollAt: time(-200_000) },
      { ...started, source: "new", actualState: ActualState.STOPPED },
    ];
  });
  afterEach(async () => gateway.stop());

  it("is a table, each source's trouble below its row", async () => {
    expect(await around.run("status")).toEqual({
      code: 0,
      err: "",
      out: `SOURCE  STATE        LAST POLL   NEXT POLL  RECORDS
quakes  idle         3 s ago     in 2 s       12345
orders  backing off  59 min ago  now              0
  3 failures in a row: api.example.com answered 503 Service Unavailable to GET /v1/orders
  1 item went to the dead letters
old     stopped      2 d ago     –                0
new     starting     –           –                0
`,
    });
  });

  it("is a paragraph for each source where the terminal is narrow, and never wider than that", async () => {
    around.output = { isTerminal: true, columns: 32 };
    const { out } = await around.run("status", "orders", "--no-color");
    expect(out).toBe(`orders
  state      backing off
  last poll  59 min ago
  next poll  now
  records    0
  3 failures in a row:
  api.example.com answered 503
  Service Unavailable to GET
  /v1/orders
  1 item went to the dead
  letters
`);
    around.output.columns = 60;
    const wide = (await around.run("status", "--no-color")).out;
    expect(wide).toContain("quakes  idle");
    expect(Math.max(...wide.split("\n").map((line) => line.length))).toBeLessThanOrEqual(60);
  });

  it("has colours on a terminal", async () => {
    around.output.isTerminal = true;
    expect((await around.run("status")).out).toContain("\u001B[33mbacking off\u001B[39m");
  });

  it("is JSON as GET /worker gives it", async () => {
    const { out } = await around.run("status", "quakes", "--json");
    expect(JSON.parse(out)).toMatchObject({
      sources: [{ source: "quakes", actualState: "IDLE", recordsTotal: 12345, nextPollAt: "2026-11-25T12:00:02.000Z" }],
    });
  });

  it("says which sources there are where one is not", async () => {
    expect(await around.run("status", "bogus")).toMatchObject({
      code: 2,
      err: expect.stringContaining("known: quakes, "),
    });
  });

  describe("--watch", () => {
    it("tells what changes, survives the gateway's restart, and ends by Ctrl-C with 130", async () => {
      const running = around.run("status", "--watch", "--json");
      await until(() => around.outText.split("\n").length === 5);
      gateway.change("quakes", { recordsTotal: 20000n });
      await until(() => around.outText.includes('"recordsTotal":20000'));
      await gateway.stop();
      await until(() => around.errText.includes("trying again"));
      await gateway.listen();
      await until(() => around.errText.includes("connected again"));
      around.interrupt();
      expect(await running).toMatchObject({
        code: 130,
        err: expect.stringMatching(
          /^the connection to http:.* is lost \(the connection .*\); trying again\nconnected again\n$/,
        ),
      });
    });

    it("draws over what it has drawn on a terminal", async () => {
      around.output = { isTerminal: true, columns: 80 };
      const running = around.run("status", "quakes", "--watch", "--no-color");
      await until(() => around.outText.includes("12345"));
      gateway.change("quakes", { recordsTotal: 20000n });
      await until(() => around.outText.includes("20000"));
      around.interrupt();
      expect((await running).code).toBe(130);
      // Up two lines, and everything from there on is wiped away.
      const [first, second] = around.outText.replaceAll("\u001B[", "ESC ").split("ESC 2A");
      expect(first).toMatch(/^ESC JSOURCE.*\nquakes.*12345\n$/);
      expect(second).toMatch(/^ESC JSOURCE.*\nquakes.*\n$/);
    });
  });
});
