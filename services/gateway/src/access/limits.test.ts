import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { WorkerControl } from "@apispool/contracts/apispool/v1/worker_control_pb.js";
import { RetryInfoSchema } from "@apispool/contracts/google/rpc/error_details_pb.js";
import { clientOf as networkOf } from "../limits/client.js";
import { RateLimiter } from "./rate-limiter.js";
import { AccessHarness } from "./testing/access-harness.js";

describe("a rate limiter", () => {
  it("lets a burst through, and then as many as come back", () => {
    let now = 0;
    const limiter = new RateLimiter({ perSecond: 2, burst: 3 }, () => now);
    expect([1, 2, 3, 4].map(() => limiter.take("a").taken)).toEqual([true, true, true, false]);
    expect(limiter.take("b")).toEqual({ taken: true, left: 2, retryAfterMs: 0, fullInMs: 500 });
    expect(limiter.take("a").retryAfterMs).toBe(500);
    now = 499;
    expect(limiter.take("a").taken).toBe(false);
    now = 500;
    expect(limiter.take("a").taken).toBe(true);
    now = 1_000_000;
    expect(limiter.take("a").left).toBe(2);
  });

  it("remembers no more than it has room for", () => {
    const limiter = new RateLimiter({ perSecond: 1, burst: 1 }, () => 0);
    for (let index = 0; index <= 10_000; index += 1) limiter.take(`client ${index}`);
    expect(limiter.take("client 10000").taken).toBe(false);
    expect(limiter.take("client 0").taken).toBe(true);
  });

  it.each([
    ["192.0.2.1", "192.0.2.1"],
    ["::ffff:192.0.2.1", "192.0.2.1"],
    ["2001:db8:0:1:aaaa::1", "2001:db8:0:1::/64"],
    ["2001:0db8::1", "2001:db8:0:0::/64"],
    ["::1", "0:0:0:0::/64"],
    ["fe80::1%eth0", "fe80:0:0:0::/64"],
  ])("counts %s as %s", (address, network) => expect(networkOf(address)).toBe(network));
});

describe("limits for each client", () => {
  let access: AccessHarness;
  beforeAll(async () => {
    // They come back so slowly that the test need not look at the clock.
    access = await AccessHarness.start({
      rateLimit: { perSecond: 1e-3, burst: 12 },
      controlLimit: { perSecond: 1e-3, burst: 2 },
      failureLimit: { perSecond: 1e-3, burst: 2 },
    });
  });
  afterAll(() => access.stop());

  it("are told, and kept apart", async () => {
    const ask = async (key: string) => access.fetch("/worker", key);
    const first = await ask(access.keys.status.key);
    expect(first.headers.get("ratelimit-policy")).toBe('"requests";q=12;w=12000');
    expect(first.headers.get("ratelimit")).toBe('"requests";r=11;t=1000');
    for (let left = 10; left >= 0; left -= 1) expect((await ask(access.keys.status.key)).status).toBe(200);
    const refused = await ask(access.keys.status.key);
    expect(refused.status).toBe(429);
    expect(refused.headers.get("ratelimit")).toMatch(/r=0/);
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(900);
    expect(await refused.json()).toMatchObject({ code: "resource_exhausted", reason: "RATE_LIMITED", status: 429 });
    for (const [, transport] of access.transports(access.keys.status.key)) {
      const error = await createClient(WorkerControl, transport)
        .getStatus({})
        .catch((thrown: unknown) => thrown);
      if (!(error instanceof ConnectError)) throw new Error("it was served");
      expect(error.code).toBe(Code.ResourceExhausted);
      expect(error.findDetails(RetryInfoSchema)[0]?.retryDelay?.seconds).toBeGreaterThan(900n);
    }
    expect((await ask(access.keys.admin.key)).status).toBe(200);
    expect((await fetch(`${access.url}/readyz`)).status).toBe(200);
  });

  it("are narrower for what controls something", async () => {
    const start = async () => access.post("/worker", access.keys.admin.key, { command: "start" });
    expect([(await start()).status, (await start()).status, (await start()).status]).toEqual([200, 200, 429]);
    expect((await access.fetch("/worker", access.keys.admin.key)).status).toBe(200);
  });

  it("hold for attempts with wrong keys, and keep no right one out", async () => {
    const guess = async () => (await access.fetch("/worker", "apispool_guess")).status;
    expect([await guess(), await guess(), await guess()]).toEqual([401, 401, 429]);
    expect(access.audit.filter(({ what }) => what === "authenticate")).toHaveLength(2);
    expect((await access.fetch("/worker", access.keys.admin.key)).status).toBe(200);
  });
});
