import { type FieldProblem, invalidArgument } from "@apispool/common/errors.js";

const pattern = /^[A-Za-z0-9._-]{1,200}$/;

/** What is wrong with a reader's name; empty means "default". */
export function readerProblem(name: string): FieldProblem[] {
  if (name === "" || pattern.test(name)) return [];
  const shown = name.length > 60 ? `${name.slice(0, 60)}…` : name;
  return [{ field: "reader", problem: `"${shown}" must be 1 to 200 letters, digits, ".", "_" or "-"` }];
}

/** The reader that a request means; throws INVALID_ARGUMENT for what is no name. */
export function readerName(name: string): string {
  const problems = readerProblem(name);
  if (problems.length > 0) throw invalidArgument(problems);
  return name === "" ? "default" : name;
}
