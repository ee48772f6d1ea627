import { describe, expect, it } from "@jest/globals";
import { terminalOutput } from "./output.js";

function collect(options: Parameters<typeof terminalOutput>[1], ...said: (readonly [string, string])[]): string {
  let text = "";
  const output = terminalOutput({ write: (chunk) => (text += chunk) }, options);
  for (const [name, line] of said) output(name, line);
  return text;
}

describe("the launcher's output", () => {
  it("begins every line with who says it", () => {
    const text = collect({ colour: false, format: "pretty" }, ["reader", "hello"], ["apispool", "two\nlines"]);
    expect(text).toBe("reader   │ hello\napispool │ two\napispool │ lines\n");
  });

  it("colours the name, not the line", () => {
    expect(collect({ colour: true, format: "pretty" }, ["reader", "hello"])).toBe(
      "\u001B[34mreader  \u001B[0m │ hello\n",
    );
  });

  it("is JSON throughout where that is wanted", () => {
    const text = collect(
      { colour: false, format: "json" },
      ["reader", '{"level":30,"msg":"x"}'],
      ["apispool", "ready"],
      ["demo", "plain"],
    );
    const lines = text.trimEnd().split("\n");
    expect(lines[0]).toBe('{"level":30,"msg":"x"}');
    expect(lines.slice(1).map((line) => JSON.parse(line) as unknown)).toMatchObject([
      { name: "apispool", msg: "ready" },
      { name: "demo", msg: "plain" },
    ]);
  });
});
