import { setTimeout as sleep } from "node:timers/promises";
import { Code } from "@connectrpc/connect";
import { rpcError } from "@apispool/common/errors.js";
import type { Claims } from "./claims.js";
import { type Place, keyOf } from "./place.js";
import type { Standing } from "./positions.js";
import type { ProcessId } from "./process-id.js";
import type { Session } from "./sessions.js";

/*
 * Kafka has no "commit only if nobody else has": so the processes keep to a rule of times, that of Fischer's mutual exclusion
 * (Lamport, "A fast mutual exclusion algorithm", 1987). Who takes a reader over from another process writes its claim, waits
 * WAIT_MS, and goes on only if the claim still stands. Who holds a reader delivers nothing later than TRUST_MS after it has
 * last begun to look and found itself; so it has ceased before the other begins. Who has records under way that are not
 * acknowledged yet looks often enough to see a claim in time, and then writes its own again: the other one is told that the
 * reader is busy. Only durations are measured, each by one process's own clock.
 *
 * Where nobody is, or certainly nobody alive, the claim counts at once, and says so: two that make such a claim in the same
 * few milliseconds may both go on, and the one that was overwritten ceases as soon as it looks.
 */

/** How long a claim has to stand before the reader is taken from a process that may be alive, in milliseconds. */
export const WAIT_MS = 1000;
/** How long after looking a holder may deliver, and answer a claim, in milliseconds. */
const TRUST_MS = 800;
const CHECK_MS = 300;
/** How long somebody else's claim is left alone so that it may come to stand, in milliseconds. */
const YIELD_MS = WAIT_MS + 100;
/** With more live tails than this that have something under way, they look less often: Kafka is not asked without end. */
const MOST_TAILS = 100;
const MS_PER_TAIL = 5;
/** How many readers' times are remembered before those that no longer matter are forgotten. */
const MOST_REMEMBERED = 1000;

export interface Entry {
  readonly session: Session;
  readonly follow: boolean;
  /** How long a claim is repeated while another process stands by its own, in milliseconds. */
  readonly busyWaitMs: number;
  readonly signal: AbortSignal;
}

/** Takes readers for this process, over from others where that has to be. */
export class Tenures {
  readonly #claims: Claims;
  /** Claims that have not stood long enough yet, by reader: from when on they count (performance.now()). */
  readonly #notBefore = new Map<string, number>();
  /** When this process was last known to be the holder, by reader; for as long as that matters. */
  readonly #heldAt = new Map<string, number>();
  tails = 0;

  constructor(claims: Claims) {
    this.#claims = claims;
  }

  get claims(): Claims {
    return this.#claims;
  }

  /**
   * Makes this process the one that serves the reader, whose session is held already. `open` tells where the reader stands; it
   * is asked again after every wait. Rejects with ABORTED / READER_BUSY when another process has records of it under way.
   */
  async enter<S extends Pick<Standing, "holder" | "claimed">>(
    reader: string,
    entry: Entry,
    open: () => Promise<S>,
  ): Promise<{ readonly standing: S; readonly tenure: Tenure }> {
    const { busyWaitMs, signal } = entry;
    const until = performance.now() + busyWaitMs;
    // Who takes this reader from us at this very moment is waiting for its turn, and gets it.
    let mayClaim = performance.now() - (this.#heldAt.get(reader) ?? Number.NEGATIVE_INFINITY) > WAIT_MS;
    for (let tries = 0; ;) {
      await this.#outwait(reader, signal);
      const askedAt = performance.now();
      const standing = await open();
      const { holder, claimed } = standing;
      // Two may have found nobody there at the same time: whose claim stands is seen by looking again.
      if (claimed) continue;
      if (holder === undefined || this.#claims.isOwn(holder)) {
        return { standing, tenure: new Tenure(reader, this, entry, askedAt) };
      }
      if (this.#claims.isDead(holder)) {
        await this.#claims.write(reader, "at once", signal);
        continue;
      }
      if (tries > 0 && performance.now() > until) throw busyElsewhere(reader, holder);
      if (mayClaim) {
        tries += 1;
        await this.#claim(reader);
      } else await sleep(YIELD_MS, undefined, { signal }).catch(() => signal.throwIfAborted());
      mayClaim = !mayClaim;
    }
  }

  /** This process was the holder at that time (performance.now()). */
  held(reader: string, at: number): void {
    this.#heldAt.set(reader, at);
    if (this.#heldAt.size < MOST_REMEMBERED) return;
    for (const [name, time] of this.#heldAt) if (performance.now() - time > WAIT_MS) this.#heldAt.delete(name);
  }

  /** Not to be broken off: whether it was written, and when, must not be in doubt. */
  async #claim(reader: string): Promise<void> {
    try {
      await this.#claims.write(reader, "after a wait");
    } finally {
      this.#notBefore.set(reader, performance.now() + WAIT_MS);
    }
  }

  async #outwait(reader: string, signal: AbortSignal): Promise<void> {
    const left = (this.#notBefore.get(reader) ?? 0) - performance.now();
    if (left > 0) await sleep(left, undefined, { signal }).catch(() => signal.throwIfAborted());
    this.#notBefore.delete(reader);
  }
}

/** A reader that this process serves, for the length of a session. */
export class Tenure {
  /** Fires when the caller's does, and when another process has taken the reader over. */
  readonly signal: AbortSignal;
  readonly #reader: string;
  readonly #tenures: Tenures;
  readonly #entry: Entry;
  readonly #lost = new AbortController();
  readonly #underWay = new Map<string, Place>();
  #checkedAt: number;
  #watching = false;

  constructor(reader: string, tenures: Tenures, entry: Entry, askedAt: number) {
    this.#reader = reader;
    this.#tenures = tenures;
    this.#entry = entry;
    this.#checkedAt = askedAt;
    tenures.held(reader, askedAt);
    this.signal = AbortSignal.any([entry.signal, this.#lost.signal]);
  }

  /** By when something that moves the position anywhere has to be sent (performance.now()). */
  get sendBy(): number {
    return this.#tenures.claims.enabled ? this.#checkedAt + TRUST_MS : Number.POSITIVE_INFINITY;
  }

  /** Resolves if the reader is still this process's; rejects with UNAVAILABLE / READER_MOVED if it is another's. */
  async sure(): Promise<void> {
    this.#lost.signal.throwIfAborted();
    if (this.#tenures.claims.enabled && performance.now() - this.#checkedAt > TRUST_MS) await this.#check(this.signal);
    this.#lost.signal.throwIfAborted();
  }

  /** Has to resolve before records are given to the client; these are the places after them. */
  async delivering(places: readonly Place[]): Promise<void> {
    if (!this.#tenures.claims.enabled) return;
    const strict = !this.#entry.follow || this.#tenures.tails < MOST_TAILS;
    if (strict) await this.sure();
    for (const place of places) this.#underWay.set(keyOf(place), place);
    if (!this.#watching && this.#isUnderWay()) void this.#watch();
  }

  /** Whether records have been given to the client that are not acknowledged. */
  #isUnderWay(): boolean {
    return this.#underWay.size > 0 && !this.#entry.session.hasAcknowledged([...this.#underWay.values()]);
  }

  /** Looks from time to time while records are under way, and then only. */
  async #watch(): Promise<void> {
    const { session, follow } = this.#entry;
    this.#watching = true;
    if (follow) this.#tenures.tails += 1;
    const stop = AbortSignal.any([session.over, this.#lost.signal]);
    while (!stop.aborted && this.#isUnderWay()) {
      const tails = Math.max(0, this.#tenures.tails - MOST_TAILS);
      const pauseMs = Math.max(CHECK_MS, follow ? tails * MS_PER_TAIL : 0);
      await sleep(pauseMs, undefined, { signal: stop, ref: false }).catch(() => undefined);
      if (stop.aborted || !this.#isUnderWay()) break;
      // While Kafka is away nobody can take the reader.
      await this.#check(stop).catch(() => undefined);
    }
    if (follow) this.#tenures.tails -= 1;
    this.#watching = false;
  }

  async #check(signal: AbortSignal): Promise<void> {
    const { claims } = this.#tenures;
    const begun = performance.now();
    const { holder, places } = await claims.look(this.#reader, [...this.#underWay.values()], signal);
    // It may have been acknowledged by way of another process.
    this.#entry.session.acknowledged(places);
    if (holder !== undefined && claims.isOwn(holder)) {
      this.#isOurs(begun);
      return;
    }
    if (holder === undefined) {
      // This fetch is older than the topic of the claims, or Kafka has forgotten the claim: nobody else has it.
      await claims.write(this.#reader, "at once", signal);
      this.#isOurs(begun);
      return;
    }
    // Somebody wants it. In time, it is told that it is in use; too late, it has it.
    if (holder.claims === "after a wait" && this.#isUnderWay()) {
      const written = await claims.write(this.#reader, "after a wait", signal, this.sendBy);
      if (written && performance.now() < this.sendBy) {
        this.#isOurs(begun);
        return;
      }
    }
    this.#lost.abort(movedError(this.#reader, holder));
  }

  #isOurs(since: number): void {
    this.#checkedAt = since;
    this.#tenures.held(this.#reader, since);
  }
}

function shown(holder: ProcessId | undefined): string {
  return holder === undefined ? "another reader process" : `another reader process (${holder.host}, pid ${holder.pid})`;
}

function busyElsewhere(reader: string, holder: ProcessId): Error {
  return rpcError(
    Code.Aborted,
    "READER_BUSY",
    `the reader "${reader}" is held by ${shown(holder)}; try again, or use another reader name`,
    { retryAfterMs: 1000, metadata: { reader, heldBy: holder.host } },
  );
}

export function movedError(reader: string, holder?: ProcessId): Error {
  return rpcError(
    Code.Unavailable,
    "READER_MOVED",
    `the reader "${reader}" has been taken over by ${shown(holder)}; nothing is lost, call again`,
    { retryAfterMs: 1000, metadata: { reader } },
  );
}
