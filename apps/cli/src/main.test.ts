import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { FakeGateway } from "./testing/fake-gateway.js";
import { until } from "./testing/run.js";

const main = new URL("main.js", import.meta.url).pathname;

/** What only a real process shows: signals, pipes and the exit code. */
describe("the process", () => {
  let gateway: FakeGateway;
  const children: ChildProcess[] = [];

  beforeEach(async () => {
    gateway = await FakeGateway.start();
  });
  afterEach(async () => {
    for (const child of children.splice(0)) child.kill("SIGKILL");
    await gateway.stop();
  });

  function start(args: readonly string[]) {
    const child = spawn(process.execPath, [main, ...args], {
      env: { APISPOOL_URL: gateway.url },
      stdio: ["ignore", "pipe", "pipe"],
    });
    children.push(child);
    const text = { out: "", err: "" };
    child.stderr.on("data", (chunk: Buffer) => (text.err += chunk.toString()));
    const ended = once(child, "exit") as Promise<[number | null, NodeJS.Signals | null]>;
    return {
      child,
      text,
      ended,
      read: () => child.stdout.on("data", (chunk: Buffer) => (text.out += chunk.toString())),
    };
  }

  it("ends by itself, with what it has to say", async () => {
    gateway.add('{"n":0}');
    const { text, ended, read } = start(["fetch", "--data"]);
    read();
    expect(await ended).toEqual([0, null]);
    expect(text).toEqual({ out: '{"n":0}\n', err: "" });
    const failing = start(["status", "bogus"]);
    expect(await failing.ended).toEqual([2, null]);
    expect(failing.text.err).toContain("known: quakes");
  });

  it.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const)("ends a tail in order at %s: what was written is acknowledged", async (signal, code) => {
    const { child, text, ended, read } = start(["tail", "--reader", "me", "--data"]);
    read();
    gateway.add('{"n":0}');
    await until(() => text.out !== "");
    child.kill(signal);
    expect(await ended).toEqual([code, null]);
    expect(text.err).toBe("");
    expect(gateway.positions.get("me")).toBe(1);
  });

  it("ends quietly when its reader has enough, and does not count as read what was cut off", async () => {
    gateway.batchSize = 10;
    gateway.add(...Array.from({ length: 1000 }, (_, n) => JSON.stringify({ n, text: "x".repeat(1000) })));
    const { child, text, ended } = start(["fetch", "--reader", "me"]);
    await once(child.stdout, "readable");
    child.stdout.destroy();
    expect(await ended).toEqual([0, null]);
    expect(text.err).toBe("");
    // A pipe holds 64 kB or so; a reader that was not asked for acknowledges nothing.
    expect(gateway.positions.get("me") ?? 0).toBeLessThan(500);
    const again = start(["fetch", "--reader", "me", "--data"]);
    again.read();
    expect(await again.ended).toEqual([0, null]);
    expect(again.text.out).toContain('{"n":999,');
  });

  it("hears Ctrl-C while nobody takes its output", async () => {
    gateway.add(...Array.from({ length: 1000 }, (_, n) => JSON.stringify({ n, text: "x".repeat(1000) })));
    const { child, ended } = start(["tail", "--since", "earliest"]);
    await once(child.stdout, "readable");
    child.kill("SIGINT");
    const [code, signal] = await ended;
    expect(signal ?? code).toBe("SIGINT");
  });

  it("prints its lines into a closed pipe without a word", async () => {
    const { child, text, ended } = start(["completion", "bash"]);
    child.stdout.destroy();
    expect(await ended).toEqual([0, null]);
    expect(text.err).toBe("");
  });
});
