import type { TObject } from "typebox";
import type { FieldProblem } from "@apispool/common/errors.js";

interface Parameter {
  readonly type?: string;
}

export interface QueryValues {
  readonly values: Readonly<Record<string, unknown>>;
  readonly problems: readonly FieldProblem[];
  /** What a field of the values is called in the query: of a list that has one entry the entry is called as the list. */
  readonly nameOf: (field: string) => string;
}

/** The parameters of a query as the values that their schema is about. Text that is none stays text, for the check to refuse. */
export function queryValues(schema: TObject, query: URLSearchParams): QueryValues {
  const parameters = schema.properties as Readonly<Record<string, Parameter>>;
  const isList = (name: string): boolean => parameters[name]?.type === "array";
  const values: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
  const problems: FieldProblem[] = [];
  const repeatable = Object.keys(parameters).filter(isList);
  const hint = repeatable.length === 0 ? "give it once" : `only ${repeatable.join(", ")} may be repeated`;
  for (const name of new Set(query.keys())) {
    const given = query.getAll(name);
    const [first = ""] = given;
    values[name] = isList(name) ? given : valueOf(first, parameters[name]?.type);
    if (given.length > 1 && !isList(name) && Object.hasOwn(parameters, name)) {
      problems.push({ field: name, problem: `is given more than once; ${hint}` });
    }
  }
  return {
    values,
    problems,
    nameOf: (field) => {
      const list = /^([^[]+)\[0\]$/.exec(field)?.[1];
      return list !== undefined && query.getAll(list).length === 1 ? list : field;
    },
  };
}

function valueOf(text: string, type: string | undefined): unknown {
  if (type === "boolean") return text === "true" ? true : text === "false" ? false : text;
  if (type !== "number" && type !== "integer") return text;
  const number = /^-?\d+(\.\d+)?(e[+-]?\d+)?$/i.test(text) ? Number(text) : Number.NaN;
  return Number.isFinite(number) ? number : text;
}
