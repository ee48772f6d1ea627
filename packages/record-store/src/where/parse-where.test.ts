import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { anyWhere } from "../testing/arbitrary-where.js";
import { evaluate } from "./evaluate.js";
import { whereLimits } from "./limits.js";
import { parseWhere } from "./parse-where.js";
import { printWhere } from "./print-where.js";
import { WhereError } from "./where-error.js";

function problem(text: string): string {
  try {
    parseWhere(text);
  } catch (error) {
    if (error instanceof WhereError) return error.message;
    throw error;
  }
  return "none";
}

describe("a where", () => {
  it.each([
    ["properties.mag>=5", "properties.mag >= 5"],
    ["a == 1 && !b <> 'x' || c = null", 'a = 1 and not b != "x" or c = null'],
    ["a=1 AND (b=2 OR NOT c=3)", "a = 1 and (b = 2 or not c = 3)"],
    ["(((a = 1)))", "a = 1"],
    ["not not a = 1", "not not a = 1"],
    ["items[0].price < 1e3", "items[0].price < 1000"],
    ["items[-1]['odd name'][\"x\"] = -0.5", 'items[-1]."odd name".x = -0.5'],
    ["[0].a = TRUE", "[0].a = true"],
    [`"odd name".x = 'it''s'`, `"odd name".x = "it's"`],
    ['a = "\\u00e9\\n\\""', 'a = "é\\n\\""'],
    ["größe.$ref.@id.a-b.0 = -0", "größe.$ref.@id.a-b.0 = 0"],
    ['"not".and.or = 1 and exists("exists".true)', '"not".and.or = 1 and exists("exists".true)'],
    ["exists(a) and exists ( b.c ) ", "exists(a) and exists(b.c)"],
    ["a.\n\tb\r\n= 1", "a.b = 1"],
  ])("%j is %j", (text, printed) => {
    expect(printWhere(parseWhere(text))).toBe(printed);
  });

  it("says or of what and has joined", () => {
    const compare = (name: string): unknown => ({ kind: "compare", path: [name], comparator: "=", literal: 1 });
    expect(parseWhere("a=1 or b=1 and c=1 or not d=1 and e=1")).toEqual({
      kind: "or",
      operands: [
        compare("a"),
        { kind: "and", operands: [compare("b"), compare("c")] },
        { kind: "and", operands: [{ kind: "not", operand: compare("d") }, compare("e")] },
      ],
    });
  });

  it("comes back from its text as it was", () => {
    fc.assert(
      fc.property(anyWhere, (expression) => {
        const text = printWhere(expression);
        fc.pre(text.length <= whereLimits.length && text.split(/[<>=]|exists/).length <= whereLimits.comparisons);
        expect(parseWhere(text)).toEqual(expression);
      }),
      { numRuns: 500 },
    );
  });

  it("is refused with a WhereError, or is read, whatever it is", () => {
    const piece = fc.constantFrom(
      "a",
      ".",
      "[",
      "]",
      "0",
      "-1",
      "=",
      "<",
      "(",
      ")",
      "and",
      "not",
      "exists",
      '"x"',
      "'",
      "\\",
      " ",
      "é",
      "1e9",
      "null",
      "\u0000",
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: "binary" }),
          fc.array(piece).map((pieces) => pieces.join("")),
        ),
        (text) => {
          const said = problem(text);
          if (said === "none")
            expect(printWhere(parseWhere(printWhere(parseWhere(text))))).toBe(printWhere(parseWhere(text)));
          else expect(said).toMatch(/^column [1-9][0-9]*: /);
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe("what is wrong with a where", () => {
  it.each([
    ["", "column 1: found the end; allowed here: a path such as properties.mag, not, exists( or ("],
    ["a", "column 2: found the end; allowed here: =, !=, <, <=, > or >="],
    ["a ~ 1", 'column 3: found "~", which means nothing here'],
    [
      "ä.b = Alaska",
      'column 7: found "Alaska"; allowed here: a number, text in quotes, true, false or null; text is put in quotes: "Alaska"',
    ],
    ["a = 01", 'column 5: found "01"; allowed here: a number as JSON writes it, such as 5, -0.25 or 1e3'],
    ["a = 1e999", 'column 5: found "1e999"; allowed here: a number as JSON writes it, such as 5, -0.25 or 1e3'],
    ["a = +1", 'column 5: found "+1"; allowed here: a number as JSON writes it, such as 5, -0.25 or 1e3'],
    ["a = 1.5.6", 'column 5: found "1.5.6"; allowed here: a number as JSON writes it, such as 5, -0.25 or 1e3'],
    ["a < null", "column 5: null can be compared by = and != alone"],
    ["a >= true", "column 6: true can be compared by = and != alone"],
    ["a = 'x", "column 5: the text that begins with ' has no end"],
    ['a = "\\x"', 'column 5: "\\"\\\\x\\"" is not text as JSON writes it; in single quotes a \\ is only that'],
    ['a = "\\ud83d"', 'column 5: "\\"\\\\ud83d\\"" holds half of a surrogate pair, which is no character'],
    ["a = 1 b = 2", 'column 7: found "b"; allowed here: and, or, or the end'],
    ["(a = 1", "column 7: found the end; allowed here: and, or, or )"],
    ["a = 1)", 'column 6: found ")"; allowed here: and, or, or the end'],
    ["a.[0] = 1", 'column 3: found "["; allowed here: a member\'s name'],
    ["a[1.5] = 1", 'column 3: found "1.5"; allowed here: a whole number from -999999 to 999999, or a name in quotes'],
    [
      "a[9999999] = 1",
      'column 3: found "9999999"; allowed here: a whole number from -999999 to 999999, or a name in quotes',
    ],
    [
      "exists a",
      'column 8: found "a"; allowed here: ( and a path, as in exists(a.b); a member named "exists" is put in quotes',
    ],
    [
      "'a' = 1",
      `column 1: found "'a'"; allowed here: a path such as properties.mag, not, exists( or (; a member's name is put in double quotes`,
    ],
    [
      "null = a",
      'column 1: found "null"; allowed here: a path such as properties.mag, not, exists( or (; a member of that name is put in double quotes',
    ],
    ["a = 1 and", "column 10: found the end; allowed here: a path such as properties.mag, not, exists( or ("],
  ])("%j: %s", (text, said) => {
    expect(problem(text)).toBe(said);
  });

  it("is that it is beyond a limit", () => {
    expect(problem(`a = "${"x".repeat(2000)}"`)).toBe("column 2001: it is longer than 2000 characters");
    expect(problem(`${"(".repeat(21)}a = 1`)).toBe(
      "column 21: more than 20 parentheses and nots are within each other",
    );
    expect(problem("!".repeat(2000))).toBe("column 21: more than 20 parentheses and nots are within each other");
    expect(problem(`${"(".repeat(20)}a=1${")".repeat(20)}`)).toBe("none");
    expect(problem(Array.from({ length: 50 }, () => "a=1").join(" or "))).toBe("none");
    expect(problem(Array.from({ length: 51 }, () => "a=1").join(" or "))).toBe(
      "column 351: there are more than 50 comparisons",
    );
    expect(problem(`a${".a".repeat(20)} = 1`)).toBe("column 43: a path has at most 20 steps");
  });
});

it("what looks like another language is only text", () => {
  for (const text of [
    "x' OR '1'='1",
    "1; DROP TABLE records; --",
    '{"$where": "sleep(1000)"}',
    "$(reboot)",
    "`id`",
    "%' or 1=1",
    "\u0000",
  ]) {
    const expression = parseWhere(`name = ${JSON.stringify(text)}`);
    expect(expression).toEqual({ kind: "compare", path: ["name"], comparator: "=", literal: text });
    expect(parseWhere(`name = '${text.replaceAll("'", "''")}'`)).toEqual(expression);
    expect(parseWhere(`${JSON.stringify(text)}[${JSON.stringify(text)}] = 1`)).toMatchObject({ path: [text, text] });
    expect(evaluate(expression, JSON.stringify({ name: text }))).toBe(true);
    expect(evaluate(expression, JSON.stringify({ name: "else" }))).toBe(false);
  }
});
