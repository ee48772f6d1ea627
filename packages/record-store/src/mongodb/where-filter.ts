import type { Filter } from "mongodb";
import type { Expression, Literal } from "../where/expression.js";
import type { RecordDocument } from "./record-document.js";
import { fieldOf } from "./value-document.js";

type Query = Filter<RecordDocument>;

const operators = { "=": "$eq", "<": "$lt", "<=": "$lte", ">": "$gt", ">=": "$gte" } as const;

/**
 * A condition as a query over what `documentOf` made of the values; undefined where MongoDB cannot say it. It means exactly the same:
 * comparisons are of one type ("type bracketing"), and no field is an array.
 */
export function whereFilter(expression: Expression): Query | undefined {
  switch (expression.kind) {
    case "and":
    case "or": {
      const operands = expression.operands.map(whereFilter);
      const all = operands.filter((operand) => operand !== undefined);
      if (all.length < operands.length) return undefined;
      return expression.kind === "and" ? { $and: all } : { $or: all };
    }
    case "not": {
      const operand = whereFilter(expression.operand);
      return operand === undefined ? undefined : { $nor: [operand] };
    }
    case "exists":
      return at(expression.path, { $exists: true });
    case "compare": {
      const { path, comparator, literal } = expression;
      if (comparator !== "!=") return at(path, condition(operators[comparator], literal));
      const equal = at(path, condition("$eq", literal));
      return equal === undefined ? undefined : { $nor: [equal] };
    }
  }
}

/** `{$eq: null}` would be true of what is not there, too. */
function condition(operator: string, literal: Literal): object {
  return literal === null ? { $type: "null" } : { [operator]: literal };
}

function at(path: Parameters<typeof fieldOf>[1], what: object): Query | undefined {
  const field = fieldOf("value", path);
  return field === undefined ? undefined : { [field]: what };
}
