import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { expect, it } from "@jest/globals";
import { nodeEnv, nodeFlags } from "./node-flags.js";
import type { ServiceName } from "./services.js";

const script = resolve(import.meta.dirname, "../../../tools/run-service.sh");
const services: readonly ServiceName[] = ["demo", "ingestor", "reader", "store", "gateway"];

it.each(services)("a container runs the %s with the same flags and variables as npm start", (name) => {
  const SERVICE = name === "demo" ? "demo-api" : name;
  const run = (NODE: string, file: string): string =>
    execFileSync("sh", [script, file], { env: { PATH: process.env["PATH"], SERVICE, NODE }, encoding: "utf8" });
  expect(run("echo", "main.js").trim().split(" ")).toEqual([...nodeFlags(name), "main.js"]);
  const file = join(mkdtempSync(join(tmpdir(), "apispool-flags-")), "main.mjs");
  writeFileSync(file, "console.log(process.env.MALLOC_ARENA_MAX ?? '')");
  expect(run(process.execPath, file).trim()).toBe(nodeEnv(name)["MALLOC_ARENA_MAX"] ?? "");
  rmSync(dirname(file), { recursive: true });
});
