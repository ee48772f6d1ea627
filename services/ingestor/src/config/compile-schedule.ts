import { Cron } from "croner";
import { describeError } from "@apispool/common/errors.js";
import type { At } from "./at.js";
import { milliseconds } from "./compile-values.js";
import { isInterpolated } from "./node.js";
import type { Problems } from "./problems.js";
import type { rateLimit, retry, SourceFile, topic } from "./schema.js";
import type { Static } from "typebox";
import type { RateLimitConfig, RetryConfig, ScheduleConfig, TopicConfig } from "./source-config.js";

const day = 86_400_000;

export function compileSchedule(at: At<SourceFile>, problems: Problems): ScheduleConfig {
  const cron = at.get("cron");
  const interval = at.get("interval");
  const jitter = at.get("jitter");
  const adaptive = at.get("adaptive");
  const zone = at.get("time_zone");
  // Timers end at 24.8 days.
  const intervalMs = milliseconds(interval, { fallback: 30_000, min: 10, max: 24 * day }, problems);
  const common = { adaptive: adaptive?.value ?? false, jitter: jitter?.value ?? 0 };
  if (cron === undefined) {
    if (zone !== undefined) problems.add(zone.place, "is only for cron; give cron, or leave time_zone out");
    return { ...common, kind: "interval", intervalMs };
  }
  if (interval !== undefined) problems.add(cron.place, "cannot be together with interval; give one of them");
  for (const [key, other] of [
    ["jitter", jitter],
    ["adaptive", adaptive],
  ] as const) {
    if (other !== undefined && other.value !== false && other.value !== 0) {
      problems.add(
        other.place,
        `${key} goes by the interval, and cron has none; give interval in place of cron, or leave it out`,
      );
    }
  }
  const timeZone = zone?.value ?? "UTC";
  if (zone !== undefined && !isTimeZone(timeZone)) {
    problems.add(zone.place, "is no known time zone; must be an IANA time zone such as Europe/Berlin");
  } else checkCron(cron, timeZone, problems);
  return { ...common, kind: "cron", expression: cron.value, timeZone };
}

function checkCron(at: At<string>, timezone: string, problems: Problems): void {
  const allowed = 'must be five or six fields of cron, such as "*/5 * * * *"';
  try {
    const next = new Cron(at.value, { paused: true, timezone, mode: "5-or-6-parts" }).nextRun();
    if (next === null) problems.add(at.place, `never comes; ${allowed}`);
  } catch (error) {
    const why = isInterpolated(at.node) ? "" : ` (${describeError(error).replace("CronPattern: ", "")})`;
    problems.add(at.place, `is no cron expression${why}; ${allowed}`);
  }
}

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone: name }).format();
    return true;
  } catch {
    return false;
  }
}

export function compileRetry(at: At<Static<typeof retry>> | undefined, problems: Problems): RetryConfig {
  const initial = at?.get("initial");
  const initialMs = milliseconds(initial, { fallback: 500, min: 1, max: day }, problems);
  const maxMs = milliseconds(at?.get("max"), { fallback: Math.max(60_000, initialMs), min: 1, max: day }, problems);
  if (initial !== undefined && initialMs > maxMs)
    problems.add(initial.place, "is longer than max; must be at most as long");
  return {
    maxAttempts: at?.get("max_attempts")?.value ?? 5,
    initialMs,
    maxMs,
    openAfter: at?.get("open_after")?.value ?? 5,
  };
}

export function compileRateLimit(
  at: At<Static<typeof rateLimit>> | undefined,
  problems: Problems,
): RateLimitConfig | undefined {
  if (at === undefined) return undefined;
  const requests = at.need("requests");
  return {
    requests: requests.value,
    perMs: milliseconds(at.get("per"), { fallback: 1000, min: 1, max: 31 * day }, problems),
  };
}

export function compileTopic(at: At<Static<typeof topic>> | undefined, problems: Problems): TopicConfig {
  const retention = at?.get("retention");
  const limits = { fallback: 0, min: 1000, max: 36_500 * day };
  return {
    partitions: at?.get("partitions")?.value ?? 1,
    retentionMs:
      retention === undefined || retention.value === "forever" ? undefined : milliseconds(retention, limits, problems),
    replication: at?.get("replication")?.value,
  };
}
