import { readFileSync } from "node:fs";
import { describe, expect, it } from "@jest/globals";
import { Validator } from "@seriousme/openapi-schema-validator";
import { faults } from "../testing/conforms.js";
import { openApiDocument, operations } from "./document.js";

const text = readFileSync(new URL("../../../../docs/openapi.json", import.meta.url), "utf8");

describe("the OpenAPI document", () => {
  it("is the one in docs/ (if not: npm run generate:openapi)", () => {
    expect(`${JSON.stringify(openApiDocument(), undefined, 2)}\n`).toBe(text);
  });

  it("is valid OpenAPI 3.1", async () => {
    const validator = new Validator();
    expect(await validator.validate(JSON.parse(text) as Record<string, unknown>)).toEqual({ valid: true });
    expect(validator.version).toBe("3.1");
  });

  it("refers only to what is there, and holds nothing that nobody refers to", () => {
    const wanted = new Set([...text.matchAll(/"\$ref": "#\/components\/([^"]+)"/g)].map(([, name = ""]) => name));
    const { components } = JSON.parse(text) as { components: Record<string, Record<string, unknown>> };
    const there = ["schemas", "responses", "headers"].flatMap((kind) =>
      Object.keys(components[kind] ?? {}).map((name) => `${kind}/${name}`),
    );
    expect([...wanted].toSorted()).toEqual(there.toSorted());
  });

  it("names every operation once, and describes each parameter", () => {
    const ids = operations.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    const { paths } = JSON.parse(text) as {
      paths: Record<string, Record<string, { parameters?: { name: string; description?: string }[] }>>;
    };
    const all = Object.values(paths).flatMap((methods) =>
      Object.values(methods).flatMap(({ parameters = [] }) => parameters),
    );
    expect(all.filter(({ description = "" }) => description === "")).toEqual([]);
  });

  it("has examples that are as their schemas say", () => {
    let checked = 0;
    for (const { id, body, examples = {}, answers } of operations) {
      for (const { value } of Object.values(examples)) {
        expect([id, value, body && faults(body, value)]).toEqual([id, value, []]);
        checked += 1;
      }
      const json = Object.values(answers).flatMap(({ content = {} }) => content["application/json"] ?? []);
      for (const { schema, example } of json) {
        if (schema === undefined || example === undefined) continue;
        expect([id, faults(schema, example)]).toEqual([id, []]);
        checked += 1;
      }
    }
    expect(checked).toBeGreaterThan(15);
  });

  it("keeps what only we read to itself", () => {
    expect(text).not.toMatch(/x-allowed|x-component/);
  });
});
