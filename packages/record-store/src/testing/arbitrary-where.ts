import fc from "fast-check";
import type { Comparator, Expression, Literal, Step } from "../where/expression.js";

/** Few names, so that conditions and values meet; among them those that trip over something in one database or another. */
const names = [
  "a",
  "b",
  "0",
  "a.b",
  "$x",
  "",
  " ",
  "é",
  "__proto__",
  "[0]",
  "%41",
  "q\"'",
  "not",
  "constructor",
] as const;
const texts = [
  "",
  "a",
  "b",
  "10",
  "é",
  "\u{ffee}",
  "\u{1f600}",
  "it's",
  '"',
  "'; drop table x; --",
  "%",
  "{$gt: 0}",
  "\\",
  "null",
] as const;
const numbers = [0, 1, -1, 5, 0.1, 1.5, 2 ** 31, 2 ** 53, -(2 ** 53), 1e21, 1e-7, 1e308, 5e-324] as const;

export const anyName: fc.Arbitrary<string> = fc.constantFrom(...names);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: anyName },
  { weight: 1, arbitrary: fc.integer({ min: -3, max: 3 }) },
);
const path = fc.array(step, { minLength: 1, maxLength: 4 });
export const anyLiteral: fc.Arbitrary<Literal> = fc.oneof(
  fc.constantFrom<Literal>(...texts, ...numbers, true, false, null),
  fc.integer({ min: -3, max: 12 }),
);

const comparison = fc
  .tuple(path, anyLiteral, fc.constantFrom<Comparator>("=", "!=", "<", "<=", ">", ">="))
  .map(([p, literal, comparator]): Expression => ({
    kind: "compare",
    path: p,
    literal,
    comparator: typeof literal === "string" || typeof literal === "number" || comparator === "!=" ? comparator : "=",
  }));

/** Any condition that the grammar can say, of at most a few dozen comparisons. */
export const anyWhere: fc.Arbitrary<Expression> = fc.letrec<{ any: Expression }>((tie) => ({
  any: fc.oneof(
    { maxDepth: 3, depthIdentifier: "where" },
    comparison,
    path.map((p): Expression => ({ kind: "exists", path: p })),
    tie("any").map((operand): Expression => ({ kind: "not", operand })),
    fc
      .tuple(fc.constantFrom("and", "or"), fc.array(tie("any"), { minLength: 2, maxLength: 3 }))
      .map(([kind, operands]): Expression => ({ kind, operands })),
  ),
})).any;

/** Any JSON value over the same names and literals, as text. */
export const anyJsonText: fc.Arbitrary<string> = fc
  .letrec<{ value: unknown; object: unknown }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 4, depthIdentifier: "json" },
      anyLiteral,
      fc.array(tie("value"), { maxLength: 3 }),
      tie("object"),
    ),
    object: fc.uniqueArray(fc.tuple(anyName, tie("value")), { maxLength: 4, selector: ([name]) => name }).map(fromOwn),
  }))
  .object.map((value) => JSON.stringify(value));

/** `{__proto__: …}` as JSON.parse makes it: a member like any other. */
function fromOwn(members: readonly (readonly [string, unknown])[]): unknown {
  return Object.fromEntries(members);
}
