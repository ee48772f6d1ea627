import Type, { type Static, type TSchema } from "typebox";

/**
 * What parameters, bodies and answers are made of. `allowed` says in words what a value may be, to follow "it must be": messages
 * show it where the schema alone would not say it well. `description` is what it means, for the document.
 */
export interface About {
  readonly description?: string;
  readonly allowed?: string;
  readonly examples?: readonly unknown[];
  readonly default?: unknown;
}

/** What only we read: the words of `allowed`, and the name that a schema has among the document's components. */
export const allowedKeyword = "x-allowed";
export const componentKeyword = "x-component";

function told({ allowed, ...about }: About) {
  return allowed === undefined ? about : { ...about, [allowedKeyword]: allowed };
}

/** A schema that the document has under a name, and refers to. */
export function named<T extends TSchema>(name: string, schema: T): T {
  return { ...schema, [componentKeyword]: name };
}

export const text = (about: About & { readonly maxLength?: number; readonly format?: string } = {}) =>
  Type.String({ minLength: 1, ...told(about) });

export const anyText = (about: About = {}) => Type.String(told(about));

export const whole = (minimum: number, maximum: number, about: About = {}) =>
  Type.Integer({ minimum, maximum, ...told(about) });

export const flag = (about: About = {}) => Type.Boolean(told(about));

export const oneOf = <const T extends string>(values: readonly T[], about: About = {}) =>
  Type.Unsafe<T>({ type: "string", enum: [...values], ...told(about) });

export const listOf = <T extends TSchema>(
  items: T,
  about: About & { readonly minItems?: number; readonly maxItems?: number } = {},
) => Type.Array(items, told(about));

/** A string that any of these takes; Swagger UI's field for it is that of the first, so a free one comes first. */
export const eitherText = (schemas: readonly TSchema[], about: About & { readonly allowed: string }) =>
  Type.Unsafe<string>({ anyOf: [...schemas], ...told(about) });

/** A request's fields; what is not among them is an error. */
export const fields = <P extends Record<string, TSchema>>(properties: P, about: About = {}) =>
  Type.Object(properties, { additionalProperties: false, ...told(about) });

export const nullable = <T extends TSchema>(schema: T, about: About = {}) =>
  Type.Unsafe<Static<T> | null>(
    typeof schema === "object" && "type" in schema && typeof schema.type === "string" && !("enum" in schema)
      ? { ...schema, type: [schema.type, "null"], ...told(about) }
      : { anyOf: [schema, { type: "null" }], ...told(about) },
  );

/** RFC 3339, as the API takes it and gives it. */
export const time = (about: About = {}) =>
  Type.String({ format: "date-time", ...told({ allowed: "a time such as 2026-11-24T12:00:00Z", ...about }) });

/** Beyond 2^53, which JavaScript's numbers do not hold, a count is a string. */
export const count = (about: About = {}) =>
  Type.Unsafe<number | string>({
    anyOf: [
      { type: "integer", minimum: 0 },
      { type: "string", pattern: String.raw`^\d{16,20}$` },
    ],
    ...told(about),
  });

/** As large as a file offset of Kafka may be. */
export const offset = (about: About = {}) => whole(0, Number.MAX_SAFE_INTEGER, about);

export const partition = (about: About = {}) =>
  whole(0, 2 ** 31 - 1, { description: "The Kafka partition.", ...about });

/** Opaque, and given out by a fetch; what is in it the reader checks. */
export const cursor = (about: About = {}) =>
  text({ format: "cursor", allowed: "the cursor of an earlier fetch", ...about });

export const sourceName = (about: About = {}) =>
  text({ allowed: "the name of a source", examples: ["quakes"], ...about });

export const sourceNames = (about: About = {}) =>
  listOf(sourceName(), { allowed: "a list of names, or be left out for all sources", ...about });

export const readerName = (about: About = {}) =>
  Type.String({
    pattern: "^[A-Za-z0-9._-]{1,200}$",
    ...told({ allowed: '1 to 200 letters, digits, ".", "_" or "-"', examples: ["me"], ...about }),
  });

/**
 * One server-sent event (WHATWG HTML, section 9.2), with JSON as its data. Until OpenAPI 3.2 a media type of a stream has no schema of
 * its own for what is repeated, so that its schema speaks of each event.
 */
export const serverSentEvent = (data: TSchema, about: About) =>
  Type.Object(
    {
      event: Type.Optional(anyText({ description: "`message` where none is named." })),
      id: Type.Optional(anyText({ description: "The last id that was given." })),
      retry: Type.Optional(
        Type.Integer({ minimum: 0, description: "When to come back after the end, in milliseconds." }),
      ),
      data: Type.Optional(Type.String({ contentMediaType: "application/json", contentSchema: data })),
    },
    told(about),
  );
