import type { Event } from "../history.js";

/** What was promised and not kept. */
export type Broken =
  | "lost"
  | "written twice"
  | "out of order"
  | "damaged"
  | "running numbers"
  | "never said"
  | "not received"
  | "received out of order"
  | "received after its acknowledgement"
  | "received again without cause"
  | "gap where nothing is missing"
  | "refused"
  | "not linearizable"
  | "polled after Stop"
  | "hang";

export interface Finding {
  readonly t: number;
  readonly broken: Broken;
  readonly text: string;
}

export type Report = (t: number, broken: Broken, text: string) => void;

/** Looks at a history event by event, in the order in which things happened. */
export interface Rule {
  see(event: Event): void;
  /** Everything has come to rest: what is still missing now is missing. */
  finish(t: number): void;
}
