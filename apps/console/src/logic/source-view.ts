import { ActualState, DesiredState, type SourceStatus } from "@apispool/contracts/apispool/v1/worker_control_pb.js";
import { ago, ahead, coarse, count, msOf } from "./format.js";

export type Tone = "good" | "busy" | "bad" | "off";

/** How a source stands, in words. */
export interface SourceView {
  readonly tone: Tone;
  readonly label: string;
  /** What comes next, or since when it is so. */
  readonly detail: string;
  readonly canStart: boolean;
  readonly canStop: boolean;
}

/** What to say of a source now (milliseconds since the Unix epoch). */
export function describeSource(status: SourceStatus, now: number): SourceView {
  const wanted = status.desiredState === DesiredState.STARTED;
  const can = { canStart: !wanted || status.actualState === ActualState.FAILED, canStop: wanted };
  const next = msOf(status.nextPollAt);
  const since = msOf(status.since);
  switch (status.actualState) {
    case ActualState.POLLING: {
      if (!wanted) return { tone: "busy", label: "Stopping", detail: "finishes the poll under way", ...can };
      const page = status.currentPage > 1 ? `, page ${count(status.currentPage)}` : "";
      return { tone: "good", label: "Running", detail: `polling now${page}`, ...can };
    }
    case ActualState.BACKING_OFF: {
      const times = status.consecutiveFailures === 1 ? "once" : `${count(status.consecutiveFailures)} times in a row`;
      const again = next === undefined ? "" : `; tries again ${ahead(next, now)}`;
      return { tone: "bad", label: "Failing", detail: `failed ${times}${again}`, ...can };
    }
    case ActualState.FAILED:
      return { tone: "bad", label: "Gave up", detail: "start it to try again", ...can };
    case ActualState.STOPPED:
      if (wanted) return { tone: "busy", label: "Starting", detail: "", ...can };
      return { tone: "off", label: "Stopped", detail: since === undefined ? "" : `for ${coarse(now - since)}`, ...can };
    default:
      if (!wanted) return { tone: "busy", label: "Stopping", detail: "", ...can };
      if (next === undefined) return { tone: "busy", label: "Waiting", detail: "for an ingestor to take it", ...can };
      return { tone: "good", label: "Running", detail: `next poll ${ahead(next, now)}`, ...can };
  }
}

/** When a poll last succeeded, and what it took. */
export function lastSuccess(status: SourceStatus, now: number): string {
  const at = msOf(status.lastSuccessAt);
  return at === undefined ? "never" : ago(at, now);
}

/** What somebody can do about a source's error; empty where its text says it all. */
export function adviceOnSource({ lastHttpStatus, lastError }: SourceStatus): string {
  if (lastError === "") return "";
  if (/ECONNREFUSED|ENOTFOUND|EAI_AGAIN|refused|resolve/i.test(lastError)) {
    return "Check the address, and that the ingestor's machine can reach it.";
  }
  if (/timed? ?out|too long/i.test(lastError))
    return "It is slow or silent. Retried by itself; a longer timeout may help.";
  if (lastHttpStatus === 401 || lastHttpStatus === 403)
    return "Check the source's credentials (auth in apispool.yaml).";
  if (lastHttpStatus === 404 || lastHttpStatus === 410) return "Check the source's address.";
  if (lastHttpStatus === 429)
    return "The API's limit is reached. It waits as long as the API asks; a longer interval helps.";
  if (lastHttpStatus >= 500) return "A fault of the API itself. Retried by itself, less often after each failure.";
  return "Retried by itself. To see one poll in detail: npx apispool try.";
}
