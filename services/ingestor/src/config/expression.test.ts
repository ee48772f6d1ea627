import { describe, expect, it } from "@jest/globals";
import { PollError } from "../poll-error.js";
import { compileExpression } from "./expression.js";

const document = {
  data: { items: [{ id: 1 }, { id: 2 }], "odd name": 3 },
  "created-at": "now",
  "@href": "h",
  "a/b": { "~": 4 },
  "atom:id": 5,
};

describe("an expression", () => {
  it.each([
    ["data.items", ["data", "items"], document.data.items],
    ["$.data.items", ["data", "items"], document.data.items],
    ["data.items.1.id", ["data", "items", "1", "id"], 2],
    ["created-at", ["created-at"], "now"],
    ["@href", ["@href"], "h"],
    ["atom:id", ["atom:id"], 5],
    ['data."odd name"', ["data", "odd name"], 3],
    ["/data/items/0/id", ["data", "items", "0", "id"], 1],
    ["/a~1b/~0", ["a/b", "~"], 4],
    ["nothing.here", ["nothing", "here"], null],
    ["constructor", ["constructor"], null],
    ["data.items.length", ["data", "items", "length"], null],
    ["data.items[].id", undefined, [1, 2]],
    ["length(data.items)", undefined, 2],
    ["data.items[?id > `1`].id | [0]", undefined, 2],
    ["@", undefined, document],
  ])("%s", (text, path, found) => {
    const expression = compileExpression(text);
    expect(expression.text).toBe(text);
    expect(expression.path).toEqual(path);
    expect(expression.evaluate(document)).toEqual(found);
  });

  it.each([
    ["a[", /^Syntax error/],
    ["a..b", /./],
    ["/a~2", /^a JSON Pointer writes ~ as ~0/],
    ["lenght(@)", /^there is no function lenght\(\) \(did you mean "length"\?\); there are abs, /],
    ["a[?nope(@)]", /^there is no function nope\(\)/],
  ])("%s is refused", (text, message) => {
    expect(() => compileExpression(text)).toThrow(
      expect.objectContaining({ name: "ExpressionError", message: expect.stringMatching(message) }),
    );
  });

  it("that cannot be evaluated is the configuration's fault", () => {
    const expression = compileExpression("abs(data)");
    expect(() => expression.evaluate(document)).toThrow(PollError);
    expect(() => expression.evaluate(document)).toThrow(expect.objectContaining({ kind: "config" }));
  });
});
