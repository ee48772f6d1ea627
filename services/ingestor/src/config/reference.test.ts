import { readFileSync } from "node:fs";
import { describe, expect, it } from "@jest/globals";
import { Ajv } from "ajv";
import { parse } from "yaml";
import { checkConfigText } from "./load.js";
import { editorSchema, everyKey, withTables } from "./reference.js";

const docs = new URL("../../../../docs/", import.meta.url);
const read = (name: string): string => readFileSync(new URL(name, docs), "utf8");

/** The YAML blocks of the reference. */
const examples = [...read("sources.md").matchAll(/^```yaml\n([^]*?)^```$/gm)].map(([, text = ""]) => text);

describe("what docs/ says of the configuration", () => {
  // When one of these two fails: npm run generate:config
  it("has the schema that checks it", () => {
    expect(JSON.parse(read("apispool.schema.json"))).toEqual(JSON.parse(JSON.stringify(editorSchema())));
  });

  it("has the tables of that schema", () => {
    expect(read("sources.md")).toBe(withTables(read("sources.md")));
  });

  it("names every key", () => {
    const text = read("sources.md");
    expect([...everyKey()].filter((key) => !text.includes(`\`${key}\``))).toEqual([]);
    expect(everyKey().size).toBeGreaterThan(80);
  });

  it("has examples that are right, for the check and for editors", () => {
    const check = new Ajv({ strict: false, allErrors: true }).compile(editorSchema() as object);
    expect(examples.length).toBeGreaterThan(5);
    for (const text of examples) {
      expect([text, checkConfigText(text, "apispool.yaml", (name) => `${name}.test`).problems]).toEqual([text, []]);
      check(parse(text));
      expect([text, check.errors]).toEqual([text, null]);
    }
  });

  it("lets editors take a variable where a number belongs, and nothing else", () => {
    const check = new Ajv({ strict: false }).compile(editorSchema() as object);
    const source = (redirects: unknown) => ({ sources: { a: { url: "http://x.test/", redirects } } });
    expect(["${N}", 3].map((value) => check(source(value)))).toEqual([true, true]);
    expect(["three", 300].map((value) => check(source(value)))).toEqual([false, false]);
  });
});
