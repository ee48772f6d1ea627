import type { Expression, Step } from "./expression.js";
import { reserved } from "./parse-where.js";
import { isBareName } from "./tokens.js";

/** A condition as text, always the same for the same condition; `parseWhere` makes the condition of it again. */
export function printWhere(expression: Expression): string {
  switch (expression.kind) {
    case "and":
    case "or":
      return expression.operands.map((operand) => grouped(operand, expression.kind)).join(` ${expression.kind} `);
    case "not":
      return `not ${grouped(expression.operand, "not")}`;
    case "exists":
      return `exists(${printPath(expression.path)})`;
    case "compare":
      return `${printPath(expression.path)} ${expression.comparator} ${JSON.stringify(expression.literal)}`;
  }
}

/** In parentheses where the text would else be read otherwise; an `and` within an `and` is one of its own, too. */
function grouped(operand: Expression, within: "and" | "or" | "not"): string {
  const text = printWhere(operand);
  const free = operand.kind === "and" ? within === "or" : operand.kind !== "or";
  return free ? text : `(${text})`;
}

function printPath(path: readonly Step[]): string {
  return path
    .map((step, index) => {
      if (typeof step === "number") return `[${step}]`;
      const bare = isBareName(step) && (index > 0 || !reserved.has(step.toLowerCase()));
      return `${index === 0 ? "" : "."}${bare ? step : JSON.stringify(step)}`;
    })
    .join("");
}
