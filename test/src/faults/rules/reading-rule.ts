import type { Event, Seen, ToldGap } from "../history.js";
import { Bits } from "./bits.js";
import { Excuses } from "./excuses.js";
import type { Report, Rule } from "./rule.js";

/** How long before something may have happened to the evidence that a batch was received. In milliseconds. */
const EVIDENCE_MS = 5000;

interface Place {
  readonly received: Bits;
  readonly gaps: ToldGap[];
  /** Below this offset all is acknowledged, and the client knows it. */
  acked: number;
  /** Below this offset the client has all of it, so that it counts as read as soon as that is known. */
  had: number;
  hadAt: number;
}

interface Reader {
  readonly sources: readonly string[];
  readonly places: Map<string, Place>;
}

interface Call {
  readonly name: string;
  readonly reader: Reader;
  readonly mode: "auto" | "manual" | "tail";
  readonly began: number;
  readonly last: Map<string, number>;
  /** When what had been received before it, of each source, was: a live tail may bring that again in several batches. */
  readonly before: Map<string, number>;
  /** Of an answer that counts only in whole. */
  readonly records: Map<string, number[]>;
  readonly gaps: ToldGap[];
}

/**
 * Each reader receives every record at least once, in order, and none that it has acknowledged; what it cannot have it is told.
 *
 * Acknowledged is: the client has heard OK to its acknowledgement; or, where whole answers acknowledge themselves, a
 * later answer began behind it. Until then an answer may come again if something has happened to those who knew of it.
 */
export class ReadingRule implements Rule {
  readonly #readers = new Map<string, Reader>();
  readonly #calls = new Map<number, Call>();
  readonly #log = new Map<string, Map<number, number>>();
  readonly #logged = new Map<string, number[]>();
  readonly #expired = new Map<string, number>();
  readonly #excuses = new Excuses();
  readonly #report: Report;
  /** Records that were received, again or not. */
  deliveries = 0;
  /** Records that came again, where that is allowed. */
  again = 0;
  acknowledgements = 0;
  gaps = 0;

  constructor(report: Report) {
    this.#report = report;
  }

  see(event: Event): void {
    this.#excuses.see(event);
    switch (event.kind) {
      case "reader":
        this.#readers.set(event.reader, { sources: event.sources, places: new Map() });
        return;
      case "logged":
        for (const [offset, , n] of event.records) {
          this.#is(event.t, event.source, offset, n, "the log");
          const logged = this.#logged.get(event.source) ?? [];
          this.#logged.set(event.source, logged);
          logged.push(offset);
        }
        return;
      case "expire":
        this.#expired.set(event.source, Math.max(event.below, this.#expired.get(event.source) ?? 0));
        return;
      case "fetch": {
        const reader = this.#readers.get(event.reader);
        if (reader === undefined) return;
        const { reader: name, mode, t: began } = event;
        this.#calls.set(event.call, {
          name,
          reader,
          mode,
          began,
          last: new Map(),
          before: new Map(),
          records: new Map(),
          gaps: [],
        });
        return;
      }
      case "batch": {
        const call = this.#calls.get(event.call);
        if (call === undefined) return;
        for (const [source, records] of Object.entries(event.records)) this.#batch(event.t, call, source, records);
        for (const gap of event.gaps) this.#gap(event.t, call, gap);
        return;
      }
      case "end": {
        const call = this.#calls.get(event.call);
        this.#calls.delete(event.call);
        if (call === undefined) return;
        if (event.how === "refused") this.#report(event.t, "refused", `${call.name}: ${event.why ?? ""}`);
        if (event.how === "whole" && call.mode !== "tail") this.#whole(call);
        return;
      }
      case "acked": {
        const reader = this.#readers.get(event.reader);
        if (reader === undefined) return;
        this.acknowledgements += 1;
        for (const [source, offset] of Object.entries(event.upTo)) {
          const place = placeOf(reader, source);
          place.acked = Math.max(place.acked, offset);
        }
        return;
      }
      default:
    }
  }

  finish(t: number): void {
    for (const [name, { sources, places }] of this.#readers) {
      for (const source of sources) {
        const place = places.get(source);
        const missing = (this.#logged.get(source) ?? []).filter(
          (offset) =>
            place?.received.has(offset) !== true &&
            place?.gaps.some(({ from, to }) => offset >= from && offset < to) !== true,
        );
        if (missing.length === 0) continue;
        const text = `${name} has not received ${missing.length} records of ${source}, the first at offset ${missing[0]}, and was told of no gap there`;
        this.#report(t, "not received", text);
      }
    }
  }

  #batch(t: number, call: Call, source: string, records: readonly Seen[]): void {
    const place = placeOf(call.reader, source);
    const who = `${call.name}, ${source}`;
    if (!call.last.has(source) && (records[0]?.[0] ?? 0) >= place.had) place.acked = Math.max(place.acked, place.had);
    const before = call.before.get(source) ?? place.hadAt;
    call.before.set(source, before);
    let last = call.last.get(source) ?? -1;
    let againAt: number | undefined;
    let ackedAt: number | undefined;
    for (const [offset, n] of records) {
      this.deliveries += 1;
      if (offset <= last) this.#report(t, "received out of order", `${who}: offset ${offset} behind ${last}`);
      last = offset;
      this.#is(t, source, offset, n, call.name);
      if (offset < place.acked) ackedAt ??= offset;
      else if (offset < place.had) {
        this.again += 1;
        againAt ??= offset;
      }
      if (call.mode === "tail") place.received.add(offset);
    }
    call.last.set(source, last);
    if (ackedAt !== undefined)
      this.#report(
        t,
        "received after its acknowledgement",
        `${who}: offset ${ackedAt}; acknowledged below ${place.acked}`,
      );
    if (againAt !== undefined && !this.#excuses.since(before - EVIDENCE_MS)) {
      const text = `${who}: offset ${againAt} of what was received in whole, below ${place.had}; nothing had happened to anybody`;
      this.#report(t, "received again without cause", text);
    }
    if (call.mode === "tail") {
      place.had = Math.max(place.had, last + 1);
      place.hadAt = t;
      return;
    }
    const kept = call.records.get(source) ?? [];
    call.records.set(source, kept);
    for (const [offset] of records) kept.push(offset);
  }

  #gap(t: number, call: Call, gap: ToldGap): void {
    this.gaps += 1;
    const expired = this.#expired.get(gap.source) ?? 0;
    if (gap.to > expired) {
      const text = `${call.name}, ${gap.source}: ${gap.from} to ${gap.to} (${gap.reason}); deleted was what stood below ${expired}`;
      this.#report(t, "gap where nothing is missing", text);
    }
    if (call.mode === "tail") placeOf(call.reader, gap.source).gaps.push(gap);
    else call.gaps.push(gap);
  }

  #whole({ reader, mode, records, gaps, began }: Call): void {
    for (const gap of gaps) placeOf(reader, gap.source).gaps.push(gap);
    for (const [source, offsets] of records) {
      const place = placeOf(reader, source);
      for (const offset of offsets) place.received.add(offset);
      if (mode !== "auto") continue;
      place.had = Math.max(place.had, (offsets.at(-1) ?? -1) + 1);
      place.hadAt = began;
    }
  }

  /** Whoever sees a place of the log sees the same there. */
  #is(t: number, source: string, offset: number, n: number, who: string): void {
    const log = this.#log.get(source) ?? new Map<number, number>();
    this.#log.set(source, log);
    const known = log.get(offset);
    if (known === undefined) log.set(offset, n);
    else if (known !== n)
      this.#report(t, "damaged", `${source} at offset ${offset}: ${who} has version ${n}, others have ${known}`);
  }
}

function placeOf(reader: Reader, source: string): Place {
  let place = reader.places.get(source);
  if (place === undefined) {
    place = { received: new Bits(), gaps: [], acked: 0, had: 0, hadAt: 0 };
    reader.places.set(source, place);
  }
  return place;
}
