import { type Operation, mediaTypes } from "../openapi/operation.js";
import { validatorOf } from "../openapi/check.js";
import { commonProblems, problem } from "../openapi/problems.js";
import type { TSchema } from "typebox";

/** What an answer was, as far as a definition speaks of it. */
export interface Given {
  readonly status: number;
  readonly type: string;
  readonly text: string;
}

/** What of an answer is not as its operation says; nothing that the definition does not name may be in it. */
export function deviations(operation: Operation, { status, type, text }: Given): string[] {
  const [mediaType = ""] = type.split(";");
  if (status >= 400) {
    const known: readonly number[] = [...commonProblems, ...operation.problems, ...(operation.body ? [413, 415] : [])];
    return [
      ...(known.includes(status) ? [] : [`${status} is not among the problems`]),
      ...(mediaType === "application/problem+json" ? faults(problem, JSON.parse(text)) : [`an error as ${mediaType}`]),
    ];
  }
  const answer = operation.answers[status];
  if (answer === undefined) return [`${status} is not among the answers`];
  if (answer.content === undefined) return text === "" ? [] : ["a body where there is none"];
  const content = answer.content[mediaType];
  if (content === undefined) return [`${mediaType} is none of ${mediaTypes(operation).join(", ")}`];
  if (operation.method === "HEAD" || content.schema === undefined) return text === "" ? [] : ["a body to HEAD"];
  const { schema } = content;
  if (mediaType === "application/json") return faults(schema, JSON.parse(text));
  if (mediaType === "text/event-stream") {
    const { contentSchema } = (schema as { properties: { data: { contentSchema: TSchema } } }).properties.data;
    return eventsOf(text).flatMap((event) => [
      ...faults(schema, event),
      ...(event.data === undefined ? [] : faults(contentSchema, JSON.parse(event.data))),
    ]);
  }
  const { contentSchema } = schema as { contentSchema?: TSchema };
  if (contentSchema === undefined) return faults(schema, text);
  return text
    .trimEnd()
    .split("\n")
    .flatMap((line) => faults(contentSchema, JSON.parse(line)));
}

/** The fields of each event, as far as it has any. */
function eventsOf(text: string): { event?: string; id?: string; retry?: number; data?: string }[] {
  return text
    .split("\n\n")
    .map((block) =>
      [...block.matchAll(/^(event|id|retry|data): (.*)$/gm)].map(([, name = "", value = ""]) => [name, value]),
    )
    .filter((lines) => lines.length > 0)
    .map((lines) => Object.fromEntries(lines.map(([name, value]) => [name, name === "retry" ? Number(value) : value])));
}

/** What of a value is not as its schema says. */
export function faults(schema: TSchema, value: unknown): string[] {
  const validate = validatorOf(strict(schema) as TSchema);
  if (validate(value)) return [];
  return (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`);
}

/** The same schema without room for what it does not name. */
function strict(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(strict);
  if (typeof schema !== "object" || schema === null) return schema;
  const copy = Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, strict(value)]));
  return typeof copy["properties"] === "object" &&
    !("additionalProperties" in copy) &&
    Object.keys(copy["properties"] as object).length > 0
    ? { ...copy, additionalProperties: false }
    : copy;
}
