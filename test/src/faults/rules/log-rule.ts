import type { Event } from "../history.js";
import { Bits } from "./bits.js";
import type { Report, Rule } from "./rule.js";

interface SourceLog {
  readonly complete: boolean;
  /** The thing that each version is of. */
  readonly things: Map<number, number>;
  /** The newest version of each thing. */
  readonly newest: Map<number, number>;
  readonly written: Bits;
  /** The version of each thing that was written last. */
  readonly writtenOf: Map<number, number>;
  last: number;
  sequence: number;
  most: number;
}

/** The log holds what the upstream said: nothing lost, nothing twice, in order, with running numbers. */
export class LogRule implements Rule {
  readonly #sources = new Map<string, SourceLog>();
  readonly #report: Report;
  /** Records in the log. */
  records = 0;

  constructor(report: Report) {
    this.#report = report;
  }

  see(event: Event): void {
    if (event.kind === "source") {
      this.#sources.set(event.source, {
        complete: event.complete,
        things: new Map(),
        newest: new Map(),
        written: new Bits(),
        writtenOf: new Map(),
        last: 0,
        sequence: 0,
        most: 0,
      });
      return;
    }
    if (event.kind === "damaged") {
      this.#report(event.t, "damaged", `${event.source} at offset ${event.offset}, seen by ${event.where}`);
      return;
    }
    if (event.kind !== "said" && event.kind !== "logged") return;
    const source = this.#sources.get(event.source);
    if (source === undefined) return;
    if (event.kind === "said") {
      for (const [n, id] of event.versions) {
        source.things.set(n, id);
        source.newest.set(id, n);
        source.most = Math.max(source.most, n);
      }
      return;
    }
    for (const [offset, sequence, n, id] of event.records) {
      this.records += 1;
      const where = `${event.source}: version ${n} of thing ${id} at offset ${offset}`;
      if (sequence !== source.sequence + 1)
        this.#report(
          event.t,
          "running numbers",
          `${where} has number ${sequence}, and ${source.sequence} stands before`,
        );
      source.sequence = sequence;
      this.#record(event.t, source, n, id, where);
    }
  }

  #record(t: number, source: SourceLog, n: number, id: number, where: string): void {
    if (source.things.get(n) !== id) {
      this.#report(t, "never said", where);
      return;
    }
    if (source.written.has(n)) {
      this.#report(t, "written twice", where);
      return;
    }
    source.written.add(n);
    const before = source.complete ? source.last : (source.writtenOf.get(id) ?? 0);
    if (n < before) this.#report(t, "out of order", `${where}, behind version ${before}`);
    else if (source.complete && n > before + 1)
      this.#report(t, "lost", `${where}, and before it stands version ${before}: ${n - before - 1} are left out`);
    source.writtenOf.set(id, n);
    source.last = Math.max(source.last, n);
  }

  finish(t: number): void {
    for (const [name, { complete, things, newest, written, last }] of this.#sources) {
      const due = complete ? [...things.keys()] : [...newest.values()];
      // Those in the middle have been told when a later one was written.
      const missing = due.filter((n) => !written.has(n) && (!complete || n > last));
      if (missing.length === 0) continue;
      this.#report(t, "lost", `${name}: ${missing.length} versions, the first one is ${missing[0]}`);
    }
  }
}
