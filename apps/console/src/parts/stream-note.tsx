import { ahead } from "../logic/format.js";
import type { StreamState } from "../logic/keep-open.js";
import { problemOf } from "../logic/problem.js";
import { now } from "../state/clock.js";
import { link } from "../state/link.js";

/** Says that what is shown is not live, and why. That the gateway itself is gone is said above the page. */
export function StreamNote({ state, what }: { readonly state: StreamState; readonly what: string }) {
  if (state.kind !== "waiting" || link.value.kind === "down") return null;
  const { text, advice } = problemOf(state.error);
  return (
    <p class="problem" role="status">
      {what} is not live: {text} <span class="advice">{`${advice} Next try ${ahead(state.retryAt, now.value)}.`}</span>
    </p>
  );
}
