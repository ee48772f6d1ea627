import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { rm } from "node:fs/promises";
import { isServing } from "./health.js";
import { serviceNames } from "./services.js";
import { type Stack, type StackOptions, startStack } from "./stack.js";
import { Supervisor } from "./supervisor.js";
import { standInRoot } from "./testing/stand-in.js";
import { isAlive, until } from "./testing/until.js";

describe("the stack, with stand-ins for the services", () => {
  let root = "";
  let lines: string[] = [];
  let supervisor = new Supervisor(() => {});

  beforeAll(async () => {
    root = await standInRoot();
  });

  afterAll(() => rm(root, { recursive: true, force: true }));

  function start(more: Partial<StackOptions> = {}): Promise<Stack> {
    lines = [];
    const policy = { initialMs: 20, maxMs: 80, resetAfterMs: 60_000 };
    supervisor = new Supervisor((name, line) => lines.push(`${name}: ${line}`), policy);
    return startStack({
      root,
      supervisor,
      kafka: { brokers: process.env["KAFKA_BROKERS"] ?? "" },
      source: { kind: "demo" },
      ports: { gateway: 0, ingestor: 0, reader: 0, demo: 0 },
      env: { PATH: process.env["PATH"] },
      ...more,
    });
  }

  it("is ready when all serve, brings back what is killed, and stops in order", async () => {
    const stack = await start();
    const { gatewayUrl, ingestorAddress, readerAddress } = stack;
    const addresses = [new URL(gatewayUrl).host, ingestorAddress, readerAddress];
    expect(await Promise.all(addresses.map((address) => isServing(address)))).toEqual([true, true, true]);
    expect(lines.find((l) => l.startsWith("ingestor: up"))).toContain('"SOURCE_NAME":"quakes"');
    expect(lines.find((l) => l.startsWith("reader: up"))).toContain(process.env["KAFKA_BROKERS"]);

    const { pid } = stack.process("reader");
    await stack.process("reader").crash();
    expect(await isServing(readerAddress)).toBe(false);
    await stack.ready();
    expect(await isServing(readerAddress)).toBe(true);
    expect(stack.process("reader").pid).not.toBe(pid);

    const pids = serviceNames.map((name) => stack.process(name).pid ?? 0);
    await stack.stop();
    expect(lines.filter((l) => l.endsWith(": stops"))).toEqual(
      serviceNames.toReversed().map((name) => `${name}: stops`),
    );
    expect(pids.filter((p) => isAlive(p))).toEqual([]);
  });

  it("starts a store where one is switched on, and tells the gateway where; nothing of it elsewhere", async () => {
    const without = await start();
    expect(without.storeAddress).toBeUndefined();
    expect(lines.find((l) => l.startsWith("gateway: up"))).not.toContain("STORE");
    await without.stop();
    const stack = await start({ store: { port: 0, database: "sqlite:/nowhere" } });
    const { storeAddress = "" } = stack;
    expect(await isServing(storeAddress)).toBe(true);
    expect(lines.find((l) => l.startsWith("store: up"))).toContain('"STORE":"sqlite:/nowhere"');
    expect(lines.find((l) => l.startsWith("gateway: up"))).toContain(`"STORE_ADDRESS":"${storeAddress}"`);
    await stack.stop();
    expect(lines.filter((l) => l.endsWith(": stops"))).toEqual(
      ["gateway", "store", "reader", "ingestor", "demo"].map((name) => `${name}: stops`),
    );
  });

  it("starts as many readers as it is told, and tells the gateway where", async () => {
    const stack = await start({ readers: 3 });
    const { readerAddresses, readerAddress } = stack;
    expect(readerAddresses).toHaveLength(3);
    expect(new Set(readerAddresses).size).toBe(3);
    expect(readerAddress).toBe(readerAddresses[0]);
    expect(await Promise.all(readerAddresses.map((address) => isServing(address)))).toEqual([true, true, true]);
    expect(lines.find((l) => l.startsWith("gateway: up"))).toContain(
      `"READER_ADDRESSES":"${readerAddresses.join(",")}"`,
    );
    await stack.process("reader-2").crash();
    expect(await isServing(readerAddresses[1] ?? "")).toBe(false);
    await stack.ready();
    expect(await isServing(readerAddresses[1] ?? "")).toBe(true);
    await stack.stop();
    expect(lines.filter((l) => l.endsWith(": stops"))).toEqual(
      ["gateway", "reader-3", "reader-2", "reader", "ingestor", "demo"].map((name) => `${name}: stops`),
    );
  });

  it("starts no demo when there is an API to poll", async () => {
    const stack = await start({ source: { kind: "url", url: "http://127.0.0.1:1/x", name: "mine" } });
    expect(() => stack.process("demo")).toThrow("this stack has no demo");
    expect(lines.find((l) => l.startsWith("ingestor: up"))).toContain(
      '"SOURCE_URL":"http://127.0.0.1:1/x","SOURCE_NAME":"mine"',
    );
    await stack.stop();
  });

  it("leaves nothing running when a service cannot start, and says which", async () => {
    await expect(start({ serviceEnv: { reader: { END_WITH: "2" } } })).rejects.toThrow(
      /^reader cannot run: exit code 2/,
    );
    await expect(start({ serviceEnv: { reader: { END_WITH: "7" } } })).rejects.toThrow(
      /^reader died 3 times .* exit code 7/,
    );
    expect(lines.filter((l) => l.endsWith(": stops"))).toContain("ingestor: stops");
  });

  it("leaves nothing running when it is interrupted while it starts", async () => {
    const interrupt = new AbortController();
    const starting = start({ signal: interrupt.signal, serviceEnv: { reader: { NEVER_SERVES: "1" } } });
    const failed = expect(starting).rejects.toThrow("Ctrl-C");
    await until(() => lines.filter((l) => l.includes(": up")).length === serviceNames.length);
    interrupt.abort(new Error("Ctrl-C"));
    await failed;
    expect(lines.filter((l) => l.endsWith(": stops"))).toHaveLength(serviceNames.length);
  });
});
