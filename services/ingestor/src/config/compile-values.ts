import { parseDuration } from "@apispool/common/env.js";
import type { At } from "./at.js";
import { compileExpression, ExpressionError } from "./expression.js";
import { isInterpolated } from "./node.js";
import type { Problems } from "./problems.js";
import type { SecretFile } from "./schema-parts.js";
import type { Expression, SecretSource } from "./source-config.js";
import { formatDuration, formatSize, parseSize } from "./units.js";

export interface Limits {
  readonly fallback: number;
  readonly min: number;
  readonly max: number;
}

/** A duration in milliseconds. */
export function milliseconds(at: At<string> | undefined, { fallback, min, max }: Limits, problems: Problems): number {
  if (at === undefined) return fallback;
  const ms = parseDuration(at.value);
  if (ms !== undefined && ms >= min && ms <= max) return ms;
  problems.add(at.place, `${shown(at)} is wrong; must be from ${formatDuration(min)} to ${formatDuration(max)}`);
  return fallback;
}

/** A size in bytes. */
export function bytes(at: At<string | number> | undefined, { fallback, min, max }: Limits, problems: Problems): number {
  if (at === undefined) return fallback;
  const size = parseSize(String(at.value));
  if (size !== undefined && size >= min && size <= max) return size;
  problems.add(at.place, `${shown(at)} is wrong; must be from ${formatSize(min)} to ${formatSize(max)}`);
  return fallback;
}

/** Undefined where it is not given, or does not compile. */
export function expression(at: At<string> | undefined, problems: Problems): Expression | undefined {
  if (at === undefined) return undefined;
  try {
    return compileExpression(at.value);
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    // The library's messages repeat the text.
    const why = isInterpolated(at.node) ? "" : `: ${error.message}`;
    problems.add(
      at.place,
      `${shown(at)} is no JMESPath${why}; must be such as data.items, or a JSON Pointer such as /data/items`,
    );
    return undefined;
  }
}

/** For what needs an expression: one that finds nothing stands in where it does not compile, which is a problem already. */
export function neededExpression(at: At<string>, problems: Problems): Expression {
  return expression(at, problems) ?? { text: at.value, path: undefined, evaluate: () => null };
}

export function secretSource(at: At<SecretFile>, problems: Problems): SecretSource {
  const { value } = at;
  if (typeof value === "string") return { kind: "value", value };
  if ("file" in value) return { kind: "file", path: value.file };
  const ttl = (at as At<{ command: string[]; ttl?: string }>).get("ttl");
  const ttlMs = milliseconds(ttl, { fallback: 300_000, min: 1000, max: 30 * 86_400_000 }, problems);
  return { kind: "command", command: value.command, ttlMs };
}

/** Checks an address that has nothing to fill in. */
export function checkAddress(at: At<string>, problems: Problems): string {
  const url = URL.parse(at.value);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    problems.add(at.place, `${shown(at)} is wrong; must be an http:// or https:// address`);
  }
  return at.value;
}

/** The value in quotes, unless it came from the environment. */
export function shown(at: At<string | number>): string {
  return isInterpolated(at.node)
    ? "the value"
    : typeof at.value === "string"
      ? `"${at.scalar.source}"`
      : at.scalar.source;
}
