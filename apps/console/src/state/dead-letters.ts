import { effect, signal } from "@preact/signals";
import type { ListDeadLettersResponse } from "@apispool/contracts/apispool/v1/dead_letter_pb.js";
import { Alarm } from "../logic/alarm.js";
import { type Problem, problemOf } from "../logic/problem.js";
import { reader } from "./clients.js";
import { visible } from "./clock.js";
import { link, onLink } from "./link.js";

/** The newest dead letters, as they were told last; undefined before the first answer. */
export const letters = signal<ListDeadLettersResponse | undefined>(undefined);
export const lettersProblem = signal<Problem | undefined>(undefined);

/** The source whose dead letters are looked at; "" for all, undefined: nobody looks. */
export const lettersOf = signal<string | undefined>(undefined);

/** How many are asked for. */
export const mostLetters = 100;

/** How often they are asked for, in milliseconds; less often where the answer takes long. */
const everyMs = 3000;

const alarm = new Alarm();
let looking: AbortController | undefined;

export function watchDeadLetters(): void {
  onLink({ found: () => alarm.ring() });
  effect(() => {
    const source = visible.value ? lettersOf.value : undefined;
    looking?.abort();
    looking = undefined;
    if (source === undefined) return;
    looking = new AbortController();
    void poll(source, looking.signal);
  });
}

/** Before the dead letters of another source are there, there are none. */
export function lookAtLetters(source: string | undefined): void {
  if (source !== undefined && source !== lettersOf.peek()) letters.value = undefined;
  lettersOf.value = source;
}

async function poll(source: string, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const began = Date.now();
    if (link.peek().kind !== "down") {
      try {
        const sources = source === "" ? [] : [source];
        const answer = await reader.listDeadLetters({ sources, limit: mostLetters }, { signal, timeoutMs: 30_000 });
        letters.value = answer;
        lettersProblem.value = undefined;
      } catch (error) {
        if (!signal.aborted) lettersProblem.value = problemOf(error);
      }
    }
    await alarm.sleep(Math.max(everyMs, 3 * (Date.now() - began)), signal);
  }
}
