import { Ajv2020, type ErrorObject, type ValidateFunction } from "ajv/dist/2020.js";
import type { TSchema } from "typebox";
import type { FieldProblem } from "@apispool/common/errors.js";
import { shown, timeOf } from "../json-text.js";
import { allowedKeyword, componentKeyword } from "./schema.js";

const ajv = new Ajv2020({
  allErrors: true,
  verbose: true,
  strict: true,
  allowUnionTypes: true,
  // A required field may be declared by what is around.
  strictRequired: false,
  // `type` may stand beside `anyOf`, or be left to it.
  strictTypes: false,
  keywords: [allowedKeyword, componentKeyword],
  formats: {
    "date-time": (value: string) => timeOf(value) !== undefined,
    // What these two mean the reader checks.
    cursor: true,
    jmespath: true,
    where: true,
    byte: /^[A-Za-z0-9+/]*={0,2}$/,
  },
});

/** The validator of a schema. */
export function validatorOf<T>(schema: TSchema): ValidateFunction<T> {
  return ajv.compile<T>(schema);
}

interface Schema {
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly maxLength?: number;
  readonly [allowedKeyword]?: string;
}

/** Checks what a request brought, and says in words what is wrong with it. */
export class Check<T> {
  readonly #schema: Schema;
  readonly #validate: ValidateFunction<T>;
  readonly #noneKnown: string;

  /** `noneKnown`: what to say of an unknown field where there is none at all. */
  constructor(schema: TSchema, noneKnown = "there are no parameters") {
    this.#noneKnown = noneKnown;
    this.#schema = schema;
    this.#validate = validatorOf<T>(schema);
  }

  /** Everything that is wrong, the unknown fields first; a field is named as it stands in the value. */
  problems(value: unknown): FieldProblem[] {
    if (this.#validate(value)) return [];
    const told = new Map<string, { order: number; problem: string }>();
    const order = Object.keys(this.#schema.properties ?? {});
    for (const error of meant(this.#validate.errors ?? [])) {
      const { path, problem, unknown } = this.#tell(error);
      const field = fieldName(path);
      if (told.has(field)) continue;
      told.set(field, { problem, order: unknown && path.length === 1 ? -1 : order.indexOf(path[0] ?? "") });
    }
    return [...told.entries()]
      .map(([field, rest]) => ({ field, ...rest }))
      .toSorted((a, b) => a.order - b.order)
      .map(({ field, problem }) => ({ field, problem }));
  }

  #tell(error: ErrorObject): { path: string[]; problem: string; unknown?: boolean } {
    const path = stepsOf(error.instancePath);
    const schema = (error.parentSchema ?? {}) as Schema;
    const { keyword, data } = error;
    const params = error.params as Readonly<Record<string, unknown>>;
    switch (keyword) {
      case "additionalProperties": {
        const known = Object.keys(schema.properties ?? {});
        const problem = known.length === 0 ? this.#noneKnown : `known are ${known.join(", ")}`;
        return {
          path: [...path, String(params["additionalProperty"])],
          problem: `is unknown; ${problem}`,
          unknown: true,
        };
      }
      case "required": {
        const name = String(params["missingProperty"]);
        return { path: [...path, name], problem: `is missing; it must ${mustBe(schema.properties?.[name] ?? {})}` };
      }
      case "propertyNames": {
        return { path, problem: `has the name ${shown(params["propertyName"])}; a name must not be empty` };
      }
      case "maxItems":
      case "maxProperties": {
        const size = Array.isArray(data) ? data.length : Object.keys(data as object).length;
        return { path, problem: `has ${size} entries; there may be ${String(params["limit"])} at most` };
      }
      default: {
        return { path, problem: `${is(data, keyword)}; it must ${mustBe(schema)}` };
      }
    }
  }
}

/** What came, in a word or two. */
function is(value: unknown, keyword: string): string {
  if (value === "" || (Array.isArray(value) && value.length === 0)) return "is empty";
  if (keyword === "anyOf" && typeof value === "object" && value !== null && !Array.isArray(value)) {
    const names = Object.keys(value);
    return names.length === 0 ? "has nothing in it" : `has ${shown(names.join(", "))}`;
  }
  return `is ${shown(value)}`;
}

/** What a schema allows, to follow "it must". */
function mustBe(schema: Schema): string {
  const words = schema[allowedKeyword];
  if (words !== undefined) return `be ${words}`;
  if (schema.enum !== undefined) return `be one of ${schema.enum.map((one) => JSON.stringify(one)).join(", ")}`;
  const { minimum, maximum } = schema;
  switch (schema.type) {
    case "boolean":
      return "be true or false";
    case "integer":
      return `be a whole number from ${minimum ?? 0}${maximum === undefined ? "" : ` to ${maximum}`}`;
    case "number":
      return `be a number${minimum === undefined ? "" : ` from ${minimum}`}${maximum === undefined ? "" : ` to ${maximum}`}`;
    case "array":
      return "be a list";
    case "object":
      return "be an object";
    default:
      return schema.maxLength === undefined ? "be a string" : `be a string of at most ${schema.maxLength} characters`;
  }
}

/**
 * Of a value that may be one of several only what is wrong with the one that is meant: the one whose faults are all within
 * the value. Where none is, that it is none of them.
 */
function meant(errors: readonly ErrorObject[]): readonly ErrorObject[] {
  const dropped = new Set<ErrorObject>();
  for (const error of errors) {
    if (error.propertyName !== undefined) dropped.add(error);
    if (error.keyword !== "anyOf") continue;
    const branches = new Map<string, ErrorObject[]>();
    for (const one of errors) {
      if (!one.schemaPath.startsWith(`${error.schemaPath}/`) || !one.instancePath.startsWith(error.instancePath))
        continue;
      const branch = one.schemaPath.slice(error.schemaPath.length + 1).split("/")[0] ?? "";
      branches.set(branch, [...(branches.get(branch) ?? []), one]);
    }
    const chosen = [...branches.values()].find((of) =>
      of.every(({ instancePath }) => instancePath.length > error.instancePath.length),
    );
    if (chosen !== undefined) dropped.add(error);
    for (const of of branches.values()) if (of !== chosen) for (const one of of) dropped.add(one);
  }
  return errors.filter((error) => !dropped.has(error));
}

function stepsOf(pointer: string): string[] {
  return pointer
    .split("/")
    .slice(1)
    .map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"));
}

/** `to.offsets[0].source`. Somebody's name for a field may be long. */
function fieldName(path: readonly string[]): string {
  return path
    .map((step, i) => (i > 0 && /^\d+$/.test(step) ? `[${step}]` : `${i > 0 ? "." : ""}${step}`))
    .join("")
    .replace(/^([^]{100})[^]+$/, "$1…");
}
