import { createHash, createHmac, randomBytes } from "node:crypto";
import type { CursorConfig, ExtractConfig, PaginationConfig } from "./source-config.js";

/**
 * Hash of what decides what an answer means. Secrets, interval, rate limit, retry and the like are not in it: changing
 * them keeps the state. The cursor's `initial` is: changing it begins again from there; its overlap is not.
 */
export function fingerprintOf(parts: {
  readonly request: unknown;
  readonly pagination: PaginationConfig;
  readonly cursor: CursorConfig | undefined;
  readonly extract: ExtractConfig;
  readonly parent: string | undefined;
}): string {
  const { maxPages: _maxPages, stopWhen: _stopWhen, ...pagination } = parts.pagination;
  const { overlap: _overlap, ...cursor } = parts.cursor ?? { overlap: 0 };
  return createHash("sha256")
    .update(canonical({ ...parts, pagination, cursor }))
    .digest("hex");
}

/** Keyed anew in every process: a hash of a secret that were seen somewhere could not be tried out. */
const revisionKey = randomBytes(32);

export function revisionOf(source: unknown): string {
  return createHmac("sha256", revisionKey).update(canonical(source)).digest("hex");
}

/** JSON with its keys in order; an expression by its text. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) => {
    if (typeof inner !== "object" || inner === null || Array.isArray(inner)) return inner;
    if ("evaluate" in inner && "text" in inner) return inner.text;
    return Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}
