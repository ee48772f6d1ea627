import { readFileSync } from "node:fs";
import { expect, it } from "@jest/globals";
import { createProgram } from "./program.js";
import { reference } from "./reference.js";
import { TestSurroundings } from "./testing/run.js";

it("docs/cli.md is what the tree of commands says", () => {
  // When this fails: npm run generate:cli
  const text = readFileSync(new URL("../../../docs/cli.md", import.meta.url), "utf8");
  expect(text).toBe(reference(createProgram(new TestSurroundings())));
  for (const command of ["up", "start", "fetch", "readers delete", "completion"])
    expect(text).toContain(`# apispool ${command}\n`);
});
