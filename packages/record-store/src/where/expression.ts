/** A step into a JSON value: a member by name, or an element by its index (from 0; negative: from the end). */
export type Step = string | number;

export type Literal = string | number | boolean | null;

export type Comparator = "=" | "!=" | "<" | "<=" | ">" | ">=";

/**
 * A condition over a record's JSON value, as `parseWhere` makes it of text. Its meaning is the same in every store:
 *
 * - A comparison is true only of values of the literal's own type: numbers as doubles, strings by their UTF-8 bytes (which is
 *   the order of their code points), booleans and null by = and != alone.
 * - `!=` is the negation of `=`, so it is true where the path leads to nothing, or to a value of another type. Every other
 *   comparison with what is not there is false.
 * - A value that is not JSON is as one in which no path leads anywhere.
 */
export type Expression =
  | { readonly kind: "and" | "or"; readonly operands: readonly Expression[] }
  | { readonly kind: "not"; readonly operand: Expression }
  | {
      readonly kind: "compare";
      readonly path: readonly Step[];
      readonly comparator: Comparator;
      readonly literal: Literal;
    }
  /** The path leads to something, be it null. */
  | { readonly kind: "exists"; readonly path: readonly Step[] };
