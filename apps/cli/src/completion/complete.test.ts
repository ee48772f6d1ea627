import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { FakeGateway } from "../testing/fake-gateway.js";
import { TestSurroundings } from "../testing/run.js";
import { completionScript } from "./scripts.js";

const run = promisify(execFile);

describe("completion", () => {
  let gateway: FakeGateway;
  let around: TestSurroundings;

  beforeEach(async () => {
    gateway = await FakeGateway.start();
    gateway.readers = [{ name: "me" }, { name: "dashboard" }];
    around = new TestSurroundings();
    around.env = { APISPOOL_URL: gateway.url };
  });
  afterEach(async () => gateway.stop());

  const values = async (...words: string[]) => {
    const { code, out, err } = await around.run("complete", "--", ...words);
    expect([code, err]).toEqual([0, ""]);
    return out.split("\n").flatMap((line) => (line === "" ? [] : [line.split("\t")[0]]));
  };

  it.each([
    [["st"], ["start", "stop", "status", "store"]],
    [["start", ""], ["quakes"]],
    [["start", "quakes", "q"], ["quakes"]],
    [
      ["readers", ""],
      ["list", "show", "delete", "help"],
    ],
    [
      ["readers", "show", ""],
      ["me", "dashboard"],
    ],
    [["readers", "show", "me", ""], []],
    [["tail", "--reader", "d"], ["dashboard"]],
    [["tail", "-s", ""], ["quakes"]],
    [["tail", "--re"], ["--reader"]],
    [["tail", "--since", "e"], ["earliest"]],
    [
      ["seek", "me", "--to", ""],
      ["earliest", "latest"],
    ],
    [
      ["fetch", "--ack", ""],
      ["auto", "manual"],
    ],
    [
      ["completion", ""],
      ["bash", "zsh", "fish"],
    ],
    [["check", "ap"], [":files"]],
    [["try", "quakes", "--file", ""], [":files"]],
    [["status", "--no"], ["--no-color"]],
    [["fly", ""], []],
  ])("%j", async (words, expected) => {
    expect(await values(...words)).toEqual(expected);
  });

  it("tells what commands and options mean", async () => {
    expect((await around.run("complete", "--", "up")).out).toBe("up\tstart everything, here in the foreground\n");
    expect((await around.run("complete", "--", "status", "--w")).out).toBe(
      "--watch\tgo on telling what changes, until Ctrl-C\n",
    );
  });

  it("asks the gateway that the line names, and says nothing where there is none", async () => {
    around.env = { APISPOOL_URL: "http://127.0.0.1:1" };
    expect(await values("start", "")).toEqual([]);
    expect(await values("start", "--url", gateway.url, "")).toEqual(["quakes"]);
    expect(await values("start", `--url=${gateway.url}`, "")).toEqual(["quakes"]);
  });

  it("prints a script that calls this very program", async () => {
    for (const shell of ["bash", "zsh", "fish"]) {
      expect((await around.run("completion", shell)).out).toContain(String.raw`'node' 'it'\''s/main.js' complete -- `);
    }
  });

  it("completes in a real bash", async () => {
    const folder = await mkdtemp(join(tmpdir(), "apispool-completion-"));
    try {
      await writeFile(join(folder, "apispool.yaml"), "");
      const main = new URL("../main.js", import.meta.url).pathname;
      const complete = async (...words: string[]) => {
        const line = `COMP_WORDS=(apispool "$@"); COMP_CWORD=$#; _apispool 2>/dev/null; printf '%s\\n' "\${COMPREPLY[@]}"`;
        const script = `${completionScript("bash", [process.execPath, main])}\n${line}`;
        const options = { cwd: folder, env: { ...process.env, APISPOOL_URL: gateway.url } };
        return (await run("bash", ["-c", script, "bash", ...words], options)).stdout.trimEnd();
      };
      expect(await complete("st")).toBe("start\nstop\nstatus\nstore");
      expect(await complete("seek", "me", "--to", "")).toBe("earliest\nlatest");
      expect(await complete("readers", "show", "da")).toBe("dashboard");
      expect(await complete("check", "apis")).toBe("apispool.yaml");
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
