import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { root } from "../harness/paths.js";
import { type Section, sections, variablesReadBy } from "./variables.js";

/** The first column of every section's table, a variable's name each. */
function documented(): ReadonlyMap<string, readonly string[]> {
  const text = readFileSync(join(root, "docs", "configuration.md"), "utf8");
  const found = text.split(/^## /m).map((section): [string, readonly string[]] => {
    const names = [...section.matchAll(/^\| `(\w+)` \|/gm)].map(([, name = ""]) => name);
    return [section.slice(0, section.indexOf("\n")), names];
  });
  return new Map(found.filter(([, names]) => names.length > 0));
}

describe("docs/configuration.md", () => {
  it("has a section for everything that reads variables, and no other", () => {
    expect([...documented().keys()].sort()).toEqual([...sections].sort());
  });

  it.each(sections)("%s: lists every variable that is read, and no other", (section: Section) => {
    const names = documented().get(section) ?? [];
    expect([...names].sort()).toEqual([...variablesReadBy(section)].sort());
    expect(new Set(names).size).toBe(names.length);
  });
});

/** In processes of their own: Node loads modules in another way than jest, and more strictly. */
describe("a process with wrong settings", () => {
  it.each(["services/ingestor", "services/reader", "services/store", "services/gateway", "apps/demo-api"])(
    "%s says so and ends with 2",
    async (folder) => {
      const child = spawn(process.execPath, [join(root, folder, "dist", "main.js")], {
        env: { STOP_TIMEOUT: "soon" },
        stdio: ["ignore", "ignore", "pipe"],
      });
      let text = "";
      child.stderr.on("data", (chunk: Buffer) => (text += chunk.toString()));
      const [code] = (await once(child, "close")) as [number | null];
      expect(text).toContain('STOP_TIMEOUT: "soon" is not a duration');
      expect(code).toBe(2);
    },
  );
});
