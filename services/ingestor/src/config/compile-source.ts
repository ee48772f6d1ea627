import type { At } from "./at.js";
import { compileCursor } from "./compile-cursor.js";
import { compileExtract } from "./compile-extract.js";
import { compileAuth, compileNetwork } from "./compile-network.js";
import { compilePagination } from "./compile-pagination.js";
import { compileRequest } from "./compile-request.js";
import { compileRateLimit, compileRetry, compileSchedule, compileTopic } from "./compile-schedule.js";
import { fingerprintOf, revisionOf } from "./fingerprint.js";
import type { Problems } from "./problems.js";
import type { SourceFile } from "./schema.js";
import type { SourceConfig } from "./source-config.js";

/** Turns a source that the schema let through into what runs; what cannot be together is a problem. */
export function compileSource(name: string, at: At<SourceFile>, problems: Problems): SourceConfig {
  const cursor = compileCursor(at.get("cursor"), problems);
  const request = compileRequest(at, cursor, problems);
  const pagination = compilePagination(at, problems);
  const extract = compileExtract(at, problems);
  const parent = at.get("parent");
  if (parent !== undefined && !request.usesParent) {
    problems.add(
      parent.place,
      "is never spoken of, so every request would be the same; write {{ parent.id }} into url, query, headers or body",
    );
  }
  return {
    name,
    request: request.config,
    auth: compileAuth(at.get("auth"), problems),
    network: compileNetwork(at, problems),
    schedule: compileSchedule(at, problems),
    retry: compileRetry(at.get("retry"), problems),
    rateLimit: compileRateLimit(at.get("rate_limit"), problems),
    pagination,
    cursor,
    extract,
    dedupWindow: at.get("dedup")?.get("window")?.value ?? 100_000,
    topic: compileTopic(at.get("topic"), problems),
    parent: parent === undefined ? undefined : { source: parent.value },
    autostart: at.get("autostart")?.value ?? false,
    fingerprint: fingerprintOf({ request: request.identity, pagination, cursor, extract, parent: parent?.value }),
    revision: revisionOf(at.value),
  };
}
