import { signal } from "@preact/signals";
import { HealthCheckResponse_ServingStatus } from "@apispool/contracts/health/v1/health_pb.js";
import { Alarm } from "../logic/alarm.js";
import { backoffMs } from "../logic/backoff.js";
import { isConnectionLost } from "../logic/problem.js";
import { health } from "./clients.js";

export type Link =
  | { readonly kind: "connecting" }
  /** The gateway answers; `serving` is false while a service behind it is away. */
  | { readonly kind: "up"; readonly serving: boolean }
  | { readonly kind: "down"; readonly since: number; readonly retryAt: number };

/** Whether the gateway answers. */
export const link = signal<Link>({ kind: "connecting" });

/** How often it is asked while it answers, and how long it may take; in milliseconds. */
const everyMs = 5000;
const patienceMs = 4000;

const alarm = new Alarm();
const lost = new Set<() => void>();
const found = new Set<() => void>();

/** Tells when the gateway is lost, and when it is back. */
export function onLink(events: { readonly lost?: () => void; readonly found?: () => void }): void {
  if (events.lost !== undefined) lost.add(events.lost);
  if (events.found !== undefined) found.add(events.found);
}

/** Asks now: somebody saw the connection break, or does not want to wait. */
export function checkLink(): void {
  alarm.ring();
}

/** Opens everything anew, as somebody else. */
export function startOver(): void {
  for (const tell of [...lost, ...found]) tell();
}

/** Asks the gateway again and again, for ever: a stream with nothing to say looks the same as a dead one. */
export async function watchLink(): Promise<void> {
  const life = new AbortController().signal;
  let failures = 0;
  for (;;) {
    try {
      const { status } = await health.check({}, { timeoutMs: patienceMs });
      failures = 0;
      up(status === HealthCheckResponse_ServingStatus.SERVING);
    } catch (error) {
      failures = isAnswer(error) ? 0 : failures + 1;
      if (failures === 0) up(false);
      else down(Date.now() + backoffMs(failures, Math.random));
    }
    await alarm.sleep(link.value.kind === "down" ? link.value.retryAt - Date.now() : everyMs, life);
  }
}

/** An error that the gateway itself answered with. */
function isAnswer(error: unknown): boolean {
  return !isConnectionLost(error) && !/timed out|deadline/i.test(String(error));
}

function up(serving: boolean): void {
  const before = link.value;
  if (before.kind !== "up" || before.serving !== serving) link.value = { kind: "up", serving };
  // A service that is back is as good as a gateway that is back.
  if (before.kind === "down" || (before.kind === "up" && !before.serving && serving)) for (const tell of found) tell();
}

function down(retryAt: number): void {
  const before = link.value;
  link.value = { kind: "down", since: before.kind === "down" ? before.since : Date.now(), retryAt };
  if (before.kind !== "down") for (const tell of lost) tell();
}
