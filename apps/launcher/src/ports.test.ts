import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import net from "node:net";
import type { AddressInfo } from "node:net";
import { createInterface } from "node:readline";
import { portOwner } from "./port-owner.js";
import { freePort } from "@apispool/common/free-port.js";
import { PortTakenError, preferPort, requirePort } from "./ports.js";
import { isAlive } from "./testing/until.js";

describe("a port that somebody else has", () => {
  let other: ChildProcess;
  let port = 0;

  beforeAll(async () => {
    const script = `const s = require("node:net").createServer().listen(0, "127.0.0.1", () => console.log(s.address().port)) // somebody else`;
    const started = spawn(process.execPath, ["-e", script]);
    other = started;
    const [line] = (await once(createInterface({ input: started.stdout }), "line")) as [string];
    port = Number(line);
  });

  afterAll(async () => {
    other.kill("SIGKILL");
    if (other.pid !== undefined && isAlive(other.pid)) await once(other, "exit");
  });

  it("is told with the process that has it, and with what to do", async () => {
    expect(await portOwner(port)).toMatchObject({ pid: other.pid });
    const refused = requirePort(port, undefined, "Choose another one: PORT=3001 npm start");
    await expect(refused).rejects.toThrow(PortTakenError);
    await expect(refused).rejects.toThrow(
      new RegExp(
        `^port ${port} is taken by \`.*somebody else.*\` \\(pid ${other.pid ?? 0}\\)\\. Choose another .*PORT=3001`,
        "s",
      ),
    );
  });

  it("gives way to another where nobody asked for it, and that is said", async () => {
    const said: string[] = [];
    const chosen = await preferPort(port, "the reader", (text) => said.push(text));
    expect(chosen).not.toBe(port);
    expect(said).toEqual([
      expect.stringMatching(new RegExp(`port ${port} is taken by .*; the reader takes ${chosen} instead`)),
    ]);
  });
});

describe("a port that is free", () => {
  it("is taken as it was asked for", async () => {
    const port = await freePort();
    expect(await requirePort(port, "0.0.0.0", "")).toBe(port);
    const silent = (text: string): void => {
      throw new Error(text);
    };
    expect(await preferPort(port, "x", silent)).toBe(port);
    expect(await portOwner(port)).toBeUndefined();
  });

  it("is not free when only the other localhost is taken", async () => {
    const server = net.createServer().listen(0, "::1");
    try {
      await once(server, "listening");
    } catch {
      return; // A machine without IPv6.
    }
    await expect(requirePort((server.address() as AddressInfo).port, undefined, "")).rejects.toThrow(PortTakenError);
    server.close();
    await once(server, "close");
  });
});
