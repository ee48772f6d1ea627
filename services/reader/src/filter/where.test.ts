import { describe, expect, it } from "@jest/globals";
import { Where } from "./where.js";

function passes(where: string, value: string | Buffer | null): boolean {
  const bytes = Buffer.concat([
    Buffer.from("<<"),
    value === null ? Buffer.alloc(0) : Buffer.from(value),
    Buffer.from(">>"),
  ]);
  return new Where(where).passes(bytes, 2, value === null ? -1 : bytes.length - 4);
}

describe("a condition on values", () => {
  it.each([
    ["mag > `5`", '{"mag":6.1}', true],
    ["mag > `5`", '{"mag":4}', false],
    ["mag > `5`", "{}", false],
    ["place.name == 'Käse' && !deleted", '{"place":{"name":"Käse"}}', true],
    ["tags[?@ == 'new']", '{"tags":["old","new"]}', true],
    ["tags[?@ == 'new']", '{"tags":["old"]}', false],
    ["contains(place, 'CA')", '{"place":"9km SSW of Idyllwild, CA"}', true],
    // True and false are JMESPath's: what is empty is false, and nothing else is.
    ["a", '{"a":0}', true],
    ["a", '{"a":"0"}', true],
    ["a", '{"a":[0]}', true],
    ["a", '{"a":{"b":null}}', true],
    ["a", '{"a":""}', false],
    ["a", '{"a":[]}', false],
    ["a", '{"a":{}}', false],
    ["a", '{"a":null}', false],
    ["a", '{"a":false}', false],
    ["@", "7", true],
    // What JavaScript adds to its objects is no part of them.
    ["constructor", "{}", false],
    ["a.length", '{"a":[1]}', false],
    // What fails, and what is no JSON, does not pass.
    ["contains(place, 'CA')", '{"place":null}', false],
    ["@", '{"a":', false],
    ["@", "", false],
    ["@", null, false],
    ["@", Buffer.from([0x22, 0xff, 0x22]), false],
  ])("%s on %s is %s", (where, value, expected) => {
    expect(passes(where, value)).toBe(expected);
  });

  it.each([
    ["a..b", 'wrong at character 3 (".b")'],
    ["mag > `5` && # 1", 'wrong at character 14 ("# 1")'],
    ["a b", 'wrong at character 3 ("b")'],
    ["mag >", "wrong at its end"],
    ['a == "b', 'wrong at character 6 ("\\"b")'.replaceAll("\\", "")],
    ["a[?b", "wrong at its end"],
    ["   ", "wrong at its end"],
    ["a && nonsense(b)", "at character 6: there is no function nonsense(); there are abs, avg, ceil, contains,"],
    ["replace(a, 'x', 'y')", "there is no function replace()"],
    ["contains(a)", "at character 1: Invalid arity: contains() takes at least 2 arguments"],
    ["x".repeat(2001), "has 2001 characters; it may have 2000 at most"],
    [Array.from({ length: 12 }, () => "[@,@][]").join("|"), "writes its document down more than 1000 times"],
  ])("says what is wrong with %s", (where, problem) => {
    expect(() => new Where(where)).toThrow(problem);
  });
});
