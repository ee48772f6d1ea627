import type { Event } from "../history.js";
import type { Report, Rule } from "./rule.js";

/** How long it may take until all goes well again once nothing harms it any more. In milliseconds. */
const HANG_MS = 120_000;

interface Waiting {
  readonly name: string;
  readonly t: number;
  readonly sources: Set<string>;
  readonly readers: Set<string>;
  polledMs: number | undefined;
  deliveredMs: number | undefined;
}

/** How long it took after faults of a kind were healed, in milliseconds, each. */
export interface Recoveries {
  /** Until every source that was started had been polled. */
  readonly polled: number[];
  /** Until every reader had got an answer. */
  readonly delivered: number[];
}

/** All goes on after every fault: how soon, and that it does at all. */
export class ProgressRule implements Rule {
  readonly #sources = new Set<string>();
  readonly #readers = new Map<string, readonly string[]>();
  readonly #started = new Set<string>();
  readonly #ops = new Map<number, { readonly what: string; readonly source: string }>();
  readonly #calls = new Map<number, string>();
  /** Live tails say nothing where there is nothing new. */
  readonly #tails = new Set<string>();
  readonly #faults = new Map<number, string>();
  readonly #ends = new Map<string, number>();
  /** How far each reader is, by "reader/source". */
  readonly #places = new Map<string, number>();
  readonly #waiting = new Set<Waiting>();
  /** What has to happen in a calm, and by what time. */
  #due:
    | {
        by: number;
        readonly polls: Set<string>;
        readonly answers: Set<string>;
        readonly ends: Map<string, number>;
      }
    | undefined;
  readonly #report: Report;
  readonly recoveries = new Map<string, Recoveries>();
  /** Faults by name. */
  readonly faults = new Map<string, number>();
  polls = 0;
  /** How often Kafka itself did not come to rest. */
  stuck = 0;

  constructor(report: Report) {
    this.#report = report;
  }

  /** What a calm still waits for; empty: all is well. */
  get missing(): readonly string[] {
    if (this.#due === undefined) return [];
    const { polls, answers, ends } = this.#due;
    const behind = [...ends].filter(([place, end]) => (this.#places.get(place) ?? 0) < end);
    return [
      ...[...polls].map((source) => `${source} is not polled`),
      ...[...answers].map((reader) => `${reader} gets no answer`),
      ...behind.map(([place, end]) => `${place} stands at ${this.#places.get(place) ?? 0}, and has to get to ${end}`),
    ];
  }

  see(event: Event): void {
    const { t } = event;
    if (this.#due !== undefined && t > this.#due.by) {
      if (this.missing.length > 0)
        this.#report(t, "hang", `${HANG_MS / 1000} s after the last fault was healed: ${this.missing.join("; ")}`);
      this.#due = undefined;
    }
    switch (event.kind) {
      case "source":
        this.#sources.add(event.source);
        return;
      case "reader":
        this.#readers.set(event.reader, event.sources);
        return;
      case "invoke":
        this.#ops.set(event.op, event);
        if (event.what !== "stop") return;
        this.#started.delete(event.source);
        for (const waiting of this.#waiting) {
          waiting.sources.delete(event.source);
          this.#check(waiting, t);
        }
        return;
      case "return": {
        const op = this.#ops.get(event.op);
        this.#ops.delete(event.op);
        if (op?.what === "start" && event.outcome === "ok") this.#started.add(op.source);
        return;
      }
      case "poll":
        this.polls += 1;
        this.#due?.polls.delete(event.source);
        for (const waiting of this.#waiting) if (waiting.sources.delete(event.source)) this.#check(waiting, t);
        return;
      case "logged":
        this.#ends.set(event.source, (event.records.at(-1)?.[0] ?? -1) + 1);
        return;
      case "fetch":
        this.#calls.set(event.call, event.reader);
        if (event.mode === "tail") this.#tails.add(event.reader);
        return;
      case "batch": {
        const reader = this.#calls.get(event.call) ?? "";
        for (const [source, records] of Object.entries(event.records)) {
          const place = `${reader}/${source}`;
          this.#places.set(place, Math.max(this.#places.get(place) ?? 0, (records.at(-1)?.[0] ?? -1) + 1));
        }
        for (const { source, to } of event.gaps) {
          const place = `${reader}/${source}`;
          this.#places.set(place, Math.max(this.#places.get(place) ?? 0, to));
        }
        this.#answered(reader, t);
        return;
      }
      case "end": {
        const reader = this.#calls.get(event.call) ?? "";
        this.#calls.delete(event.call);
        if (event.how === "whole") this.#answered(reader, t);
        return;
      }
      case "fault":
        this.#faults.set(event.fault, event.name);
        this.faults.set(event.name, (this.faults.get(event.name) ?? 0) + 1);
        return;
      case "healed": {
        const name = this.#faults.get(event.fault) ?? "";
        const sources = new Set(this.#started);
        const readers = new Set(this.#readers.keys());
        this.#waiting.add({ name, t, sources, readers, polledMs: undefined, deliveredMs: undefined });
        return;
      }
      case "calm": {
        const ends = new Map<string, number>();
        for (const [reader, sources] of this.#readers)
          for (const source of sources) ends.set(`${reader}/${source}`, this.#ends.get(source) ?? 0);
        this.#due = {
          by: t + HANG_MS,
          polls: new Set(this.#sources),
          answers: new Set([...this.#readers.keys()].filter((reader) => !this.#tails.has(reader))),
          ends,
        };
        return;
      }
      case "stuck":
        this.stuck += 1;
        if (this.#due !== undefined) this.#due.by = t + HANG_MS;
        return;
      case "recovered":
      case "storm":
        this.#due = undefined;
        return;
      default:
    }
  }

  finish(): void {
    // A hang is told when it is one.
  }

  #answered(reader: string, t: number): void {
    this.#due?.answers.delete(reader);
    for (const waiting of this.#waiting) if (waiting.readers.delete(reader)) this.#check(waiting, t);
  }

  #check(waiting: Waiting, t: number): void {
    if (waiting.sources.size === 0) waiting.polledMs ??= t - waiting.t;
    if (waiting.readers.size === 0) waiting.deliveredMs ??= t - waiting.t;
    if (waiting.polledMs === undefined || waiting.deliveredMs === undefined) return;
    this.#waiting.delete(waiting);
    const found = this.recoveries.get(waiting.name) ?? { polled: [], delivered: [] };
    this.recoveries.set(waiting.name, found);
    found.polled.push(waiting.polledMs);
    found.delivered.push(waiting.deliveredMs);
  }
}
