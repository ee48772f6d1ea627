import { closeSync, createReadStream, openSync, writeSync } from "node:fs";
import { createInterface } from "node:readline";

/** Offset and number of a record: the number says which of the upstream's versions it is. */
export type Seen = readonly [offset: number, n: number];

/** Of each source, the offset up to which (exclusive) something holds. */
export type UpTo = Readonly<Record<string, number>>;

/** Offsets that a reader was told it cannot have any more; `to` is exclusive. */
export interface ToldGap {
  readonly source: string;
  readonly from: number;
  readonly to: number;
  readonly reason: string;
}

/** What happened. All of it is seen by one process, so its times are of one clock, and its order is the order. */
export type Happening =
  /** What is polled. Of a complete source every version has to be in the log, in order; else the newest of each thing. */
  | { readonly kind: "source"; readonly source: string; readonly complete: boolean }
  | { readonly kind: "reader"; readonly reader: string; readonly sources: readonly string[] }
  /** The upstream has new versions from now on: the number of each, and of which thing. */
  | { readonly kind: "said"; readonly source: string; readonly versions: readonly (readonly [n: number, id: number])[] }
  /** A request has come to the upstream, from the process named. */
  | { readonly kind: "poll"; readonly source: string; readonly by: string }
  /** What a witness beside it all reads in the log. */
  | {
      readonly kind: "logged";
      readonly source: string;
      readonly records: readonly (readonly [offset: number, seq: number, n: number, id: number])[];
    }
  /** A record that is not, byte for byte, what the upstream said. */
  | { readonly kind: "damaged"; readonly source: string; readonly offset: number; readonly where: string }
  /** Start, Stop or GetStatus of one source. `unknown`: it may have been done, or may yet be. */
  | {
      readonly kind: "invoke";
      readonly op: number;
      readonly client: string;
      readonly what: "start" | "stop" | "status";
      readonly source: string;
    }
  | {
      readonly kind: "return";
      readonly op: number;
      readonly outcome: "ok" | "unknown";
      readonly desired?: "STARTED" | "STOPPED";
      readonly why?: string;
    }
  /** A client asks for records. Of `auto` a whole answer is acknowledged by itself, of a `tail` bit by bit, of `manual` never. */
  | {
      readonly kind: "fetch";
      readonly call: number;
      readonly reader: string;
      readonly mode: "auto" | "manual" | "tail";
    }
  | {
      readonly kind: "batch";
      readonly call: number;
      readonly records: Readonly<Record<string, readonly Seen[]>>;
      readonly gaps: readonly ToldGap[];
    }
  /** `whole`: it ended as it should; `refused`: nothing came, for a reason that does not pass by itself. */
  | { readonly kind: "end"; readonly call: number; readonly how: "whole" | "broken" | "refused"; readonly why?: string }
  /** A client has heard that what it has received is acknowledged. */
  | { readonly kind: "acked"; readonly reader: string; readonly upTo: UpTo }
  /** Records below the offset begin to be deleted (retention); then they are. */
  | { readonly kind: "expire"; readonly source: string; readonly below: number }
  | { readonly kind: "fault"; readonly fault: number; readonly name: string; readonly what: string }
  | { readonly kind: "healed"; readonly fault: number }
  /** Every fault is healed and every source started: all has to be well again in time. */
  | { readonly kind: "calm" }
  | { readonly kind: "recovered" }
  /** Kafka itself had lost its way with these groups, and has been started again. */
  | { readonly kind: "stuck"; readonly groups: readonly string[] }
  | { readonly kind: "storm" }
  /** The upstream says nothing more, and everything has come to rest. */
  | { readonly kind: "settled" }
  | { readonly kind: "note"; readonly text: string };

/** `t`: milliseconds since the run began, monotonic. */
export type Event = Happening & { readonly t: number };

const FLUSH_BYTES = 64 * 1024;
const FLUSH_MS = 200;

/** Writes what happens as it happens: little is in memory, however long the run is. */
export class History {
  readonly file: string;
  readonly #fd: number;
  readonly #begin = performance.now();
  readonly #listeners: ((event: Event) => void)[] = [];
  #pending = "";
  readonly #timer: NodeJS.Timeout;
  #closed = false;

  constructor(file: string) {
    this.file = file;
    this.#fd = openSync(file, "w");
    this.#timer = setInterval(() => this.#flush(), FLUSH_MS);
    this.#timer.unref();
  }

  /** Milliseconds since the run began. */
  get now(): number {
    return Math.round((performance.now() - this.#begin) * 10) / 10;
  }

  onEvent(listener: (event: Event) => void): void {
    this.#listeners.push(listener);
  }

  add(happening: Happening): void {
    if (this.#closed) return;
    const event: Event = { t: this.now, ...happening };
    this.#pending += `${JSON.stringify(event)}\n`;
    if (this.#pending.length > FLUSH_BYTES) this.#flush();
    for (const listener of this.#listeners) listener(event);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#timer);
    this.#flush();
    closeSync(this.#fd);
  }

  #flush(): void {
    if (this.#pending === "") return;
    writeSync(this.#fd, this.#pending);
    this.#pending = "";
  }
}

export async function* readHistory(file: string): AsyncGenerator<Event> {
  for await (const line of createInterface({ input: createReadStream(file) })) {
    if (line !== "") yield JSON.parse(line) as Event;
  }
}
