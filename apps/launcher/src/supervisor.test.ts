import { afterEach, describe, expect, it } from "@jest/globals";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { ProcessSpec } from "./supervised-process.js";
import { Supervisor } from "./supervisor.js";
import { isAlive, until } from "./testing/until.js";

const policy = { initialMs: 20, maxMs: 80, resetAfterMs: 60_000 };

/** A process that says "up", and what it is told by a script of its own. */
function node(name: string, script: string, more: Partial<ProcessSpec> = {}): ProcessSpec {
  return {
    name,
    command: process.execPath,
    args: ["-e", `${script}; console.log("up"); setInterval(() => {}, 1000)`],
    env: process.env,
    ipc: false,
    stopTimeoutMs: 10_000,
    ...more,
  };
}

describe("the supervisor", () => {
  let lines: string[] = [];
  let supervisor = new Supervisor(() => {});
  const fresh = (): Supervisor => {
    lines = [];
    supervisor = new Supervisor((name, line) => lines.push(`${name}: ${line}`), policy);
    return supervisor;
  };

  afterEach(() => supervisor.killNow());

  it("starts again what dies, later each time, and says so", async () => {
    const service = fresh().start(node("service", ""));
    for (let death = 1; death <= 3; death += 1) {
      await until(() => lines.filter((l) => l === "service: up").length === death);
      const { pid } = service;
      await service.crash();
      await until(() => service.restarts === death);
      expect(service.pid).not.toBe(pid);
    }
    const said = lines.filter((l) => l.includes("died"));
    expect(said).toEqual([20, 40, 80].map((ms) => `apispool: service died (SIGKILL); starting it again in ${ms} ms`));
    expect(lines).toContain(`apispool: service started again (pid ${service.pid ?? 0})`);
    expect(service.state).toBe("running");
  });

  it("stops in the opposite order, each gone before the next is told", async () => {
    const slow = `process.on("SIGTERM", () => { console.log("told"); setTimeout(() => { console.log("gone"); process.exit(0) }, 100) })`;
    const names = ["kafka", "demo", "ingestor", "reader", "gateway"];
    fresh();
    const pids = names.map((name) => supervisor.start(node(name, slow)).pid ?? 0);
    await until(() => names.every((name) => lines.includes(`${name}: up`)));
    lines = [];
    await supervisor.stop();
    expect(lines).toEqual(names.toReversed().flatMap((name) => [`${name}: told`, `${name}: gone`]));
    expect(pids.filter((pid) => isAlive(pid))).toEqual([]);
    expect(() => supervisor.start(node("late", ""))).toThrow("everything is being stopped");
  });

  it("kills what does not stop", async () => {
    const deaf = fresh().start(node("deaf", `process.on("SIGTERM", () => {})`, { stopTimeoutMs: 100 }));
    await until(() => lines.includes("deaf: up"));
    const pid = deaf.pid ?? 0;
    await supervisor.stop();
    expect(isAlive(pid)).toBe(false);
    expect(lines).toContain("apispool: deaf did not stop within 0.1 s and was killed");
    expect(deaf.restarts).toBe(0);
  });

  it("kills everything at once when asked to, and what they started", async () => {
    fresh();
    const child = `const { spawn } = require("node:child_process"); console.log(spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"]).pid)`;
    const deaf = supervisor.start(node("deaf", `process.on("SIGTERM", () => {}); ${child}`));
    await until(() => lines.includes("deaf: up"));
    const pids = [deaf.pid ?? 0, Number(lines[0]?.replace("deaf: ", ""))];
    expect(pids.every((pid) => isAlive(pid))).toBe(true);
    supervisor.killNow();
    await until(() => !pids.some((pid) => isAlive(pid)));
  });

  it("does not start again what a restart cannot cure", async () => {
    const wrong = fresh().start(node("wrong", "process.exit(2)", { finalExitCodes: [2] }));
    await until(() => wrong.state === "failed");
    expect(wrong.restarts).toBe(0);
    expect(lines).toEqual(["apispool: wrong ended (exit code 2); starting it again would not help"]);
  });

  it("does not start what died just before the stop", async () => {
    const service = fresh().start(node("service", "process.exit(1)"));
    await until(() => service.state === "waiting");
    await supervisor.stop();
    const { restarts } = service;
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect([service.state, service.restarts]).toEqual(["stopped", restarts]);
  });

  it("says what is wrong when there is no such program", async () => {
    const nothing = fresh().start(node("nothing", "", { command: "/no/such/program" }));
    await until(() => nothing.restarts > 0);
    expect(lines[0]).toContain("ENOENT");
    await supervisor.stop();
  });

  it("leaves nothing with an IPC channel behind when it is killed itself", async () => {
    // What runProcess does in the services.
    const service = `process.on("disconnect", () => process.exit(0)); console.log(process.pid)`;
    const launcher = `
      import { Supervisor } from ${JSON.stringify(new URL("supervisor.js", import.meta.url).href)};
      const spec = ${JSON.stringify(node("service", service, { ipc: true }))};
      new Supervisor((name, line) => console.log(line)).start(spec);`;
    const started = spawn(process.execPath, ["--input-type=module", "-e", launcher]);
    const [line] = (await once(createInterface({ input: started.stdout }), "line")) as [string];
    const pid = Number(line);
    expect(isAlive(pid)).toBe(true);
    started.kill("SIGKILL");
    await until(() => !isAlive(pid));
  });
});
