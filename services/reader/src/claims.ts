import { KeyedLock } from "@apispool/common/keyed-lock.js";
import type { CommittedOffset, LogReader, TopicPartition } from "@apispool/kafka-log/log-reader.js";
import type { Names } from "@apispool/kafka-log/topics.js";
import { TRUST_MS } from "./claim-times.js";
import { type Clock, systemClock } from "./clock.js";
import { type Flag, Flags, type Raiser } from "./flags.js";
import { type ProcessId, isDead } from "./process-id.js";

/** From when on a claim counts: what it is written over may be alive, or is not there. */
export type Counts = "after a wait" | "at once";

export interface Holder extends ProcessId {
  readonly claims: Counts;
  /** When it was claimed (`Clock.sharedMs`). */
  readonly at: number;
}

/**
 * How long after something was to be written it has been for certain, and has had its effect, in milliseconds: Kafka may have been
 * slow to take it (4 s at most, and then a request that was under way).
 */
const SETTLED_MS = 15_000;
/** How often it is looked again because a look has become too old to act on. */
const MOST_LOOKS = 3;

/** What of Kafka is needed for it. */
export type ClaimsLog = Pick<LogReader, "committed" | "commit">;

/** What tests have otherwise. */
export interface Means {
  readonly clock?: Clock;
  readonly random?: () => number;
  readonly isDead?: typeof isDead;
}

/**
 * Which reader process serves which reader, as every process can read it: a process writes its name into the reader's own
 * group, beside the position, as the committed offset of a topic that is always empty. (In the position's own entry it
 * could not be written without writing the position, too, which may have moved meanwhile.)
 */
export class Claims {
  readonly self: ProcessId;
  readonly clock: Clock;
  readonly #log: ClaimsLog;
  readonly #names: Names;
  readonly #place: TopicPartition;
  readonly #isDead: (other: ProcessId) => boolean;
  readonly #flags: Flags;
  readonly #taking = new KeyedLock();
  /**
   * What this process has raised and not lowered, by reader. It is lowered with its next claim, in the same request, and never
   * without one: another one's flag may lie there by now, and whoever no longer sees that has to see a claim.
   */
  readonly #raised = new Map<string, Flag>();
  #enabled = false;

  constructor(log: ClaimsLog, names: Names, self: ProcessId, means: Means = {}) {
    this.self = self;
    this.clock = means.clock ?? systemClock;
    this.#log = log;
    this.#names = names;
    this.#place = { topic: names.readers, partition: 0 };
    this.#isDead = (other) => (means.isDead ?? isDead)(other, self);
    // That of one who died just now may lie over another one's, which was to be seen.
    const isGone = (other: Raiser): boolean => this.#isDead(other) && this.#isLongAgo(other.at);
    this.#flags = new Flags(names.readers, self, isGone, means.random ?? Math.random);
  }

  /** Whether the topic is there; until then nobody is asked, and nothing is guarded. */
  get enabled(): boolean {
    return this.#enabled;
  }

  /** The topic is there, and has so many partitions. */
  enable(partitions: number): void {
    this.#flags.partitions = partitions;
    this.#enabled = true;
  }

  /** What has to be asked for, to be told the holder with the positions. */
  get places(): readonly TopicPartition[] {
    return this.enabled ? [this.#place] : [];
  }

  /** The holder among a group's committed offsets; undefined where nobody ever was. */
  holderIn(committed: readonly CommittedOffset[]): Holder | undefined {
    const found = committed.find((offset) => this.isHolders(offset));
    if (found === undefined) return undefined;
    try {
      const {
        id = "",
        host = "",
        pid = 0,
        space = "",
        claims = "at once",
        at = 0,
      } = JSON.parse(found.metadata) as Partial<Holder>;
      return { id, host, pid, space, claims, at };
    } catch {
      return undefined;
    }
  }

  /** Whether it is the entry that tells the holder. */
  isHolders({ topic, partition }: TopicPartition): boolean {
    return topic === this.#place.topic && partition === this.#place.partition;
  }

  isOwn(holder: ProcessId | undefined): boolean {
    return holder?.id === this.self.id;
  }

  /** Whether nobody who may be alive has, or is about to have, the reader of which this is told. */
  isFree(holder: Holder | undefined): boolean {
    if (holder === undefined) return true;
    if (!this.#isDead(holder)) return false;
    // It may have died while it still waited, and then whoever it wanted the reader from has it.
    return holder.claims === "at once" || this.#isLongAgo(holder.at);
  }

  #isLongAgo(at: number): boolean {
    return this.clock.sharedMs() - at > SETTLED_MS;
  }

  /** The holder, and the position in some partitions. */
  async look<P extends TopicPartition>(
    reader: string,
    partitions: readonly P[],
    signal?: AbortSignal,
  ): Promise<{
    readonly holder: Holder | undefined;
    readonly places: readonly (P & { readonly offset: number })[];
  }> {
    const group = this.#names.readerGroup(reader);
    const committed = await this.#log.committed(group, [...partitions, ...this.places], signal);
    const offsets = new Map(committed.map((found) => [`${found.topic}/${found.partition}`, found.offset]));
    const places = partitions.flatMap((partition) => {
      const offset = offsets.get(`${partition.topic}/${partition.partition}`);
      return offset === undefined ? [] : [{ ...partition, offset }];
    });
    return { holder: this.holderIn(committed), places };
  }

  /** Makes this process the holder. False: it was not written, because `sendBy` (performance.now()) was over. */
  async write(reader: string, counts: Counts, signal?: AbortSignal, sendBy?: number): Promise<boolean> {
    const raised = this.#raised.get(reader) ?? [];
    const offsets = [...this.#own(counts), ...this.#flags.lowered(raised)];
    const written = await this.#log.commit(this.#names.readerGroup(reader), offsets, signal, sendBy);
    // Nobody raises one meanwhile: this process wants a reader for one session at a time.
    if (written && this.#raised.get(reader) === raised) this.#raised.delete(reader);
    return written;
  }

  /**
   * Makes this process the holder of a reader that is free, without a wait. False: it is not free, or somebody else, who may be
   * alive, is about to take it, too.
   */
  async takeFree(reader: string, signal: AbortSignal): Promise<boolean> {
    return await this.#taking.run([reader], async () => {
      const group = this.#names.readerGroup(reader);
      const flag = this.#flags.choose();
      this.#raised.set(reader, [...new Set([...(this.#raised.get(reader) ?? []), ...flag])]);
      await this.#log.commit(group, this.#flags.raised(flag, this.clock.sharedMs()), signal);
      for (let looks = 0; looks < MOST_LOOKS; looks += 1) {
        // Whoever raises a flag after this sees this one, or the claim; if it then waits, its wait ends after the last moment at
        // which the claim can be sent.
        const sendBy = this.clock.now() + TRUST_MS;
        const committed = await this.#log.committed(group, [this.#place, ...this.#flags.places], signal);
        const holder = this.holderIn(committed);
        if (this.isOwn(holder)) return true;
        if (!this.isFree(holder) || !this.#flags.isAlone(flag, committed)) return false;
        if (await this.write(reader, "at once", signal, sendBy)) return true;
      }
      return false;
    });
  }

  #own(counts: Counts): readonly CommittedOffset[] {
    const holder: Holder = { ...this.self, claims: counts, at: this.clock.sharedMs() };
    return this.enabled ? [{ ...this.#place, offset: 0, metadata: JSON.stringify(holder) }] : [];
  }
}
