import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { ActualState, DesiredState } from "@apispool/contracts/apispool/v1/worker_control_pb.js";
import { FakeGateway } from "../testing/fake-gateway.js";
import { TestSurroundings } from "../testing/run.js";

describe("apispool start and stop", () => {
  let gateway: FakeGateway;
  let around: TestSurroundings;

  beforeEach(async () => {
    gateway = await FakeGateway.start();
    around = new TestSurroundings();
    around.env = { APISPOOL_URL: gateway.url };
    const [quakes] = gateway.statuses;
    if (quakes !== undefined)
      gateway.statuses.push({ ...quakes, source: "orders", desiredState: DesiredState.STARTED });
  });
  afterEach(async () => gateway.stop());

  it("says of every source what changed", async () => {
    expect(await around.run("start")).toEqual({
      code: 0,
      out: "quakes: started\norders: was started already\n",
      err: "",
    });
    expect((await around.run("stop", "orders")).out).toBe("orders: stopped\n");
    expect(await around.run("stop", "orders", "quakes")).toEqual({
      code: 0,
      out: "quakes: stopped\norders: was stopped already\n",
      err: "",
    });
  });

  it("tells what is wrong with a source that was started, and fails where one has failed", async () => {
    gateway.change("quakes", { lastError: "api.test answered 503\u001B[2J", actualState: ActualState.BACKING_OFF });
    const { code, out } = await around.run("start", "quakes");
    expect([code, out]).toEqual([0, "quakes: started; its last poll failed: api.test answered 503\\u001b[2J\n"]);
    gateway.change("quakes", { lastError: "fenced", actualState: ActualState.FAILED });
    expect(await around.run("start")).toMatchObject({
      code: 1,
      out: expect.stringContaining("quakes: failed: fenced\n"),
    });
  });

  it("gives JSON as POST /worker does", async () => {
    const { out } = await around.run("start", "quakes", "--json");
    expect(JSON.parse(out)).toMatchObject({
      sources: [{ source: "quakes", changed: true, lastError: null, since: null }],
    });
  });

  it("says which sources there are where one is not, and starts none", async () => {
    expect(await around.run("start", "quakes", "bogus")).toEqual({
      code: 2,
      out: "",
      err: 'apispool: sources: unknown: "bogus"; known: quakes, orders\n',
    });
    expect(gateway.statuses[0]?.desiredState).toBe(DesiredState.STOPPED);
  });

  it("has colours on a terminal only, and not where they are not wanted", async () => {
    around.output.isTerminal = true;
    expect((await around.run("start", "quakes")).out).toBe("\u001B[1mquakes\u001B[22m: \u001B[32mstarted\u001B[39m\n");
    expect((await around.run("stop", "quakes", "--no-color")).out).toBe("quakes: stopped\n");
    around.env["NO_COLOR"] = "1";
    expect((await around.run("start", "quakes")).out).toBe("quakes: started\n");
    around.output.isTerminal = false;
    around.env = { APISPOOL_URL: gateway.url, FORCE_COLOR: "1" };
    expect((await around.run("stop", "quakes")).out).toContain("\u001B[32m");
  });
});
