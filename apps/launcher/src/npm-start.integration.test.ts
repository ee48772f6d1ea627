import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdir, rm, symlink, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { freePort } from "@apispool/common/free-port.js";
import { serviceNames } from "./services.js";
import { standInRoot } from "./testing/stand-in.js";
import { isAlive, until } from "./testing/until.js";

const checkout = resolve(import.meta.dirname, "../../..");

/** npm starts a shell, which starts the start script, which starts the launcher, which starts the services. */
describe("npm start, with stand-ins for the services", () => {
  let root = "";
  let npm: ChildProcess | undefined;
  let text = "";

  beforeAll(async () => {
    root = await standInRoot();
    for (const item of ["tools", "package-lock.json"])
      await cp(join(checkout, item), join(root, item), { recursive: true });
    // What else is built belongs to the real services.
    await writeFile(join(root, "tools/kernels.mjs"), "export const buildKernels = () => 0;\n");
    for (const page of ["console", "docs"]) await writeFile(join(root, `tools/build-${page}.mjs`), "");
    await symlink(join(checkout, "node_modules"), join(root, "node_modules"));
    await mkdir(join(root, "lib/src"), { recursive: true });
    await writeFile(join(root, "lib/src/index.ts"), "export {};\n");
    await writeFile(
      join(root, "lib/tsconfig.json"),
      '{"compilerOptions":{"composite":true,"rootDir":"src","outDir":"dist"},"include":["src"]}',
    );
    await writeFile(join(root, "tsconfig.json"), '{"files":[],"references":[{"path":"lib"}]}');
  });

  afterAll(async () => {
    if (npm?.pid !== undefined && npm.exitCode === null && npm.signalCode === null) process.kill(-npm.pid, "SIGKILL");
    await rm(root, { recursive: true, force: true });
  });

  /** Returns when everything is ready, with the ids of the services' processes. */
  async function start(): Promise<readonly number[]> {
    text = "";
    // Detached: a process group of its own, as a terminal gives a job.
    const started = spawn("npm", ["start"], {
      cwd: root,
      detached: true,
      env: { ...process.env, PORT: String(await freePort()), npm_config_update_notifier: "false" },
    });
    npm = started;
    for (const stream of [started.stdout, started.stderr]) {
      stream.on("data", (chunk: Buffer) => (text += chunk.toString()));
    }
    await until(() => text.includes("Ctrl-C stops everything"), text, 60_000);
    return pids();
  }

  const pids = (): readonly number[] => [...text.matchAll(/│ up (\d+)/g)].map(([, pid]) => Number(pid));

  it("brings back a service that dies, says so, and stops everything in order at Ctrl-C", async () => {
    const before = await start();
    expect(before).toHaveLength(serviceNames.length);
    expect(text).not.toContain("npm ci");
    const line = text.split("\n").find((l) => l.startsWith("reader") && l.includes("│ up "));
    process.kill(Number(/up (\d+)/.exec(line ?? "")?.[1]), "SIGKILL");
    await until(() => pids().length === serviceNames.length + 1);
    expect(text).toMatch(/apispool │ reader died \(SIGKILL\); starting it again in \d+ ms/);

    // A terminal sends it to the whole group; npm and the start script pass it on once more.
    process.kill(-(npm?.pid ?? 0), "SIGINT");
    await once(npm as ChildProcess, "close");
    expect(text).not.toContain("killing everything");
    expect([...text.matchAll(/^(\w+) +│ stops$/gm)].map(([, name]) => name)).toEqual(serviceNames.toReversed());
    expect(text).toMatch(/apispool │ stopped\s*$/);
    expect(pids().filter((pid) => isAlive(pid))).toEqual([]);
  });

  it.each(["SIGTERM", "SIGKILL"] as const)("leaves nothing running when npm alone gets %s", async (signal) => {
    const started = await start();
    npm?.kill(signal);
    await until(() => !started.some((pid) => isAlive(pid)));
    await until(() => text.includes("apispool │ stopped"));
    expect([...text.matchAll(/│ stops$/gm)]).toHaveLength(serviceNames.length);
  });
});
