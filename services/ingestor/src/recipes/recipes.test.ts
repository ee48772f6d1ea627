import { readFileSync, readdirSync } from "node:fs";
import { describe, expect, it } from "@jest/globals";
import { examples, readRecipe } from "../testing/recipes.js";

const names = readdirSync(examples).map((file) => file.replace(/\.yaml$/, ""));

describe("the recipes in examples/", () => {
  it("are right as they are, and go to the public API unless told otherwise", () => {
    expect(names.length).toBeGreaterThan(10);
    for (const name of names) {
      const { sources, problems } = readRecipe(name);
      expect([name, problems]).toEqual([name, []]);
      const parent = { id: 1 };
      const urls = sources.map(({ request }) => request.url.render({ now: 0, cursor: "", lastPoll: 0, parent }));
      expect([name, ...urls].join(" ")).toMatch(/^\S+( https:\/\/[\w.-]+\.(com|org|gov|us)\/\S*)+$/);
    }
  });

  it("have each a name of its own for its sources, so that several can be put into one file", () => {
    const sources = names.flatMap((name) => readRecipe(name).sources.map((source) => source.name));
    expect(new Set(sources).size).toBe(sources.length);
  });

  it("begin with the schema for editors, and are told of in docs/recipes.md", () => {
    const docs = readFileSync(new URL("../docs/recipes.md", examples), "utf8");
    for (const name of names) {
      const text = readFileSync(new URL(`${name}.yaml`, examples), "utf8");
      expect(text).toMatch(/^# yaml-language-server: \$schema=\.\.\/docs\/apispool\.schema\.json\n# [A-Z]/);
      expect(docs).toContain(`(../examples/${name}.yaml)`);
    }
  });

  it("show no secret where their addresses are shown", () => {
    for (const name of names) {
      const shown = readRecipe(name).sources.map(({ request }) => request.shownUrl);
      expect(shown.join(" ")).not.toMatch(/secret|token|client/i);
    }
  });
});
