import { Code } from "@connectrpc/connect";
import { rpcError } from "@apispool/common/errors.js";
import { TRUST_MS, WAIT_MS } from "./claim-times.js";
import type { Claims } from "./claims.js";
import type { Clock } from "./clock.js";
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
 * Where nobody is, or certainly nobody alive, there need not be a wait, as in the fast mutual exclusion of the same paper. Who finds
 * the reader free has raised its flag before it looked; it writes its claim, and looks again. If its flag still stands, then
 * whoever comes now finds the claim, and whoever came before has found another flag than its own: it goes on. If not, somebody
 * else wants the reader at the same moment, and the claim has to stand for WAIT_MS as any other. There is one flag for all;
 * that of a process that is gone means nothing. A claim on a look that found the reader free is sent within TRUST_MS of it.
 */

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
  readonly clock: Clock;
  readonly #claims: Claims;
  /** Claims that have not stood long enough yet, by reader: from when on they count (performance.now()). */
  readonly #notBefore = new Map<string, number>();
  /** When this process was last known to be the holder, by reader; for as long as that matters. */
  readonly #heldAt = new Map<string, number>();
  tails = 0;

  constructor(claims: Claims) {
    this.#claims = claims;
    this.clock = claims.clock;
  }

  get claims(): Claims {
    return this.#claims;
  }

  /**
   * Makes this process the one that serves the reader, whose session is held already. `open` tells where the reader stands; it
   * is asked again after every wait. Rejects with ABORTED / READER_BUSY when another process has records of it under way.
   */
  async enter<S extends Pick<Standing, "holder">>(
    reader: string,
    entry: Entry,
    open: () => Promise<S>,
  ): Promise<{ readonly standing: S; readonly tenure: Tenure }> {
    const { busyWaitMs, signal } = entry;
    const until = this.clock.now() + busyWaitMs;
    // Who takes this reader from us at this very moment is waiting for its turn, and gets it.
    let mayClaim = this.clock.now() - (this.#heldAt.get(reader) ?? Number.NEGATIVE_INFINITY) > WAIT_MS;
    for (let tries = 0; ;) {
      await this.#outwait(reader, signal);
      const askedAt = this.clock.now();
      const standing = await open();
      const { holder } = standing;
      if (!this.#claims.enabled || this.#claims.isOwn(holder)) {
        return { standing, tenure: new Tenure(reader, this, entry, askedAt) };
      }
      if (this.#claims.isFree(holder)) {
        tries += 1;
        mayClaim = false;
        await this.takeFree(reader, signal);
        continue;
      }
      if (tries > 0 && this.clock.now() > until) throw busyElsewhere(reader, holder);
      if (mayClaim) {
        tries += 1;
        await this.#claim(reader);
      } else await this.#pause(YIELD_MS, signal);
      mayClaim = !mayClaim;
    }
  }

  /** This process was the holder at that time (performance.now()). */
  held(reader: string, at: number): void {
    this.#heldAt.set(reader, at);
    if (this.#heldAt.size < MOST_REMEMBERED) return;
    for (const [name, time] of this.#heldAt) if (this.clock.now() - time > WAIT_MS) this.#heldAt.delete(name);
  }

  /** Claims the reader if it is free, and tells whether it is this process's at once. */
  async takeFree(reader: string, signal: AbortSignal): Promise<boolean> {
    let taken = false;
    try {
      taken = await this.#claims.takeFree(reader, signal);
    } finally {
      if (taken) this.#notBefore.delete(reader);
      else this.#notBefore.set(reader, this.clock.now() + WAIT_MS);
    }
    return taken;
  }

  /** Not to be broken off: whether it was written, and when, must not be in doubt. */
  async #claim(reader: string): Promise<void> {
    try {
      await this.#claims.write(reader);
    } finally {
      this.#notBefore.set(reader, this.clock.now() + WAIT_MS);
    }
  }

  async #outwait(reader: string, signal: AbortSignal): Promise<void> {
    const left = (this.#notBefore.get(reader) ?? 0) - this.clock.now();
    if (left > 0) await this.#pause(left, signal);
    this.#notBefore.delete(reader);
  }

  async #pause(ms: number, signal: AbortSignal): Promise<void> {
    await this.clock.pause(ms, signal);
    signal.throwIfAborted();
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
    if (this.#tenures.claims.enabled && this.#tenures.clock.now() - this.#checkedAt > TRUST_MS)
      await this.#check(this.signal);
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
      await this.#tenures.clock.pause(pauseMs, stop, true);
      if (stop.aborted || !this.#isUnderWay()) break;
      // While Kafka is away nobody can take the reader.
      await this.#check(stop).catch(() => undefined);
    }
    if (follow) this.#tenures.tails -= 1;
    this.#watching = false;
  }

  async #check(signal: AbortSignal): Promise<void> {
    const { claims, clock } = this.#tenures;
    const begun = clock.now();
    const { holder, places } = await claims.look(this.#reader, [...this.#underWay.values()], signal);
    // It may have been acknowledged by way of another process.
    this.#entry.session.acknowledged(places);
    if (claims.isOwn(holder)) {
      this.#isOurs(begun);
      return;
    }
    // This fetch is older than the topic of the claims, or Kafka has forgotten the claim: nobody else has it, unless just now.
    if (holder === undefined && (await this.#tenures.takeFree(this.#reader, signal))) {
      this.#isOurs(begun);
      return;
    }
    // Somebody wants it. In time, it is told that it is in use; too late, it has it.
    if (this.#isUnderWay()) {
      const written = await claims.write(this.#reader, signal, this.sendBy);
      if (written && clock.now() < this.sendBy) {
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

function busyElsewhere(reader: string, holder: ProcessId | undefined): Error {
  return rpcError(
    Code.Aborted,
    "READER_BUSY",
    `the reader "${reader}" is held by ${shown(holder)}; try again, or use another reader name`,
    { retryAfterMs: 1000, metadata: { reader, heldBy: holder?.host ?? "" } },
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
