import Type, { type Static, type TObject, type TProperties, type TSchema, type TUnion } from "typebox";

/**
 * What the keys are made of. `title` is what is allowed, worded to follow "must be": messages, the reference and
 * editors show it. `description` is what the key means; `default` is what holds where it is not given.
 */
export interface About {
  readonly description?: string;
  readonly default?: unknown;
  readonly examples?: readonly unknown[];
}

/** A map of known keys; every other key is an error. */
export function keys<P extends TProperties>(
  properties: P,
  about: About & { readonly title?: string } = {},
): TObject<P> {
  return Type.Object(properties, { additionalProperties: false, ...about });
}

/** A map whose keys are the person's. */
export function mapOf<T extends TSchema>(
  value: T,
  name: { readonly pattern: string; readonly title: string },
  about: About & { readonly title: string },
) {
  return Type.Unsafe<Readonly<Record<string, Static<T>>>>({
    type: "object",
    propertyNames: { type: "string", ...name },
    additionalProperties: value,
    ...about,
  });
}

/** One of several maps, told apart by their `type`: only the one that is meant is checked. */
export function byType<T extends TObject[]>(variants: [...T], about: About & { readonly title: string }) {
  return Type.Unsafe<Static<TUnion<T>>>({
    type: "object",
    discriminator: { propertyName: "type" },
    required: ["type"],
    oneOf: variants,
    ...about,
  });
}

export const text = (about: About & { readonly title?: string } = {}) =>
  Type.String({ minLength: 1, title: "text that is not empty", ...about });

export const flag = (about: About) => Type.Boolean({ title: "true or false", ...about });

export const whole = (minimum: number, maximum: number, about: About) =>
  Type.Integer({ minimum, maximum, title: `a whole number from ${minimum} to ${maximum}`, ...about });

export const oneOf = <const T extends string>(allowed: readonly T[], about: About) =>
  Type.Unsafe<T>({ type: "string", enum: [...allowed], title: `one of ${allowed.join(", ")}`, ...about });

const durationPattern = String.raw`\d+(\.\d+)?(ms|s|m|h|d)`;

export const duration = (about: About) =>
  Type.String({ pattern: `^${durationPattern}$`, title: "a duration such as 500ms, 30s, 5m, 1h or 7d", ...about });

export const durationOrForever = (about: About) =>
  Type.String({
    pattern: `^(forever|${durationPattern})$`,
    title: "forever, or a duration such as 12h or 30d",
    ...about,
  });

export const size = (about: About) =>
  Type.Unsafe<string | number>({
    type: ["string", "integer"],
    minimum: 0,
    pattern: String.raw`^\d+(\.\d+)?(B|KB|MB|GB|KiB|MiB|GiB)?$`,
    title: "a size such as 64MB, 1GiB or a number of bytes",
    ...about,
  });

/** Text, or a number or truth value that is written as it stands. */
export const scalar = (about: About & { readonly title?: string } = {}) =>
  Type.Unsafe<string | number | boolean>({
    type: ["string", "number", "boolean"],
    title: "text, a number, true or false",
    ...about,
  });

export const expression = (about: About) =>
  text({ title: "a JMESPath such as data.items, or a JSON Pointer such as /data/items", ...about });

/** A secret in the file, in a file of its own, or told by a program. */
export const secret = (about: About) =>
  Type.Union(
    [
      Type.String({ minLength: 1 }),
      keys({ file: text({ description: "Path; read again when the file changes." }) }),
      keys({
        command: Type.Array(Type.String(), {
          minItems: 1,
          title: "a list: the program and its arguments",
          description: "Its standard output is the secret; run again after `ttl`, and after a 401.",
        }),
        ttl: Type.Optional(duration({ description: "How long its answer holds.", default: "5m" })),
      }),
    ],
    { title: 'text such as "${TOKEN}", or {file: path}, or {command: [program, argument], ttl: 5m}', ...about },
  );

export type SecretFile = Static<ReturnType<typeof secret>>;
