import { signal } from "@preact/signals";
import { problemOf } from "../logic/problem.js";
import { checkLink } from "./link.js";

/** What the last action came to. */
export interface Message {
  readonly tone: "good" | "bad";
  readonly text: string;
  /** Makes the same text a new message. */
  readonly number: number;
}

export const message = signal<Message | undefined>(undefined);
let number = 0;
let fading: ReturnType<typeof setTimeout> | undefined;

/** How long a message stays that asks for nothing to be done, in milliseconds. */
const fadeMs = 10_000;

export function say(tone: Message["tone"], text: string): void {
  number += 1;
  message.value = { tone, text, number };
  clearTimeout(fading);
  if (tone === "good") fading = setTimeout(() => (message.value = undefined), fadeMs);
}

/** Says why something did not work, and looks whether the gateway is still there. */
export function sayProblem(what: string, thrown: unknown): void {
  const { text, advice, unreachable } = problemOf(thrown);
  say("bad", `${what}: ${text} ${advice}`.trim());
  if (unreachable) checkLink();
}
