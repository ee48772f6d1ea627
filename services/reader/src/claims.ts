import type { CommittedOffset, LogReader, TopicPartition } from "@apispool/kafka-log/log-reader.js";
import type { Names } from "@apispool/kafka-log/topics.js";
import { TRUST_MS } from "./claim-times.js";
import { type Clock, systemClock } from "./clock.js";
import { type ProcessId, isDead } from "./process-id.js";

/** How many partitions the topic of the claims has. */
export const CLAIM_PARTITIONS = 2;

export interface Holder extends ProcessId {
  /** When it was claimed (`Clock.sharedMs`). */
  readonly at: number;
}

/**
 * How long after a claim was to be written it has been for certain, and whoever held the reader before has ceased, in
 * milliseconds: Kafka may have been slow to take it (4 s at most, and then a request that was under way).
 */
const SETTLED_MS = 15_000;
/** How often it is looked again because a look has become too old to act on. */
const MOST_LOOKS = 3;

/** What of Kafka is needed for it. */
export type ClaimsLog = Pick<LogReader, "committed" | "commit">;

/** What tests have otherwise. */
export interface Means {
  readonly clock?: Clock;
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
  readonly #flag: TopicPartition;
  readonly #isDead: (other: ProcessId) => boolean;
  #enabled = false;
  #hasFlags = false;

  constructor(log: ClaimsLog, names: Names, self: ProcessId, means: Means = {}) {
    this.self = self;
    this.clock = means.clock ?? systemClock;
    this.#log = log;
    this.#names = names;
    this.#place = { topic: names.readers, partition: 0 };
    this.#flag = { topic: names.readers, partition: 1 };
    this.#isDead = (other) => (means.isDead ?? isDead)(other, self);
  }

  /** Whether the topic is there; until then nobody is asked, and nothing is guarded. */
  get enabled(): boolean {
    return this.#enabled;
  }

  /** The topic is there, and has so many partitions. With one there are no flags. */
  enable(partitions: number): void {
    this.#hasFlags = partitions >= CLAIM_PARTITIONS;
    this.#enabled = true;
  }

  /** What has to be asked for, to be told the holder with the positions. */
  get places(): readonly TopicPartition[] {
    return this.enabled ? [this.#place] : [];
  }

  /** The holder among a group's committed offsets; undefined where nobody ever was. */
  holderIn(committed: readonly CommittedOffset[]): Holder | undefined {
    return holderIn(committed.find((offset) => this.isHolders(offset)));
  }

  /** Whether it is the entry that tells the holder. */
  isHolders({ topic, partition }: TopicPartition): boolean {
    return topic === this.#place.topic && partition === this.#place.partition;
  }

  isOwn(holder: ProcessId | undefined): boolean {
    return holder?.id === this.self.id;
  }

  /**
   * Whether nobody who may be alive has the reader of which this is told. A process that died soon after it had claimed it may
   * not have come to have it, and then somebody else has.
   */
  isFree(holder: Holder | undefined): boolean {
    return holder === undefined || (this.#isDead(holder) && this.clock.sharedMs() - holder.at > SETTLED_MS);
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

  /** Claims the reader. False: it was not written, because `sendBy` (performance.now()) was over. */
  async write(reader: string, signal?: AbortSignal, sendBy?: number): Promise<boolean> {
    const offsets = this.enabled ? [this.#entry(this.#place)] : [];
    return await this.#log.commit(this.#names.readerGroup(reader), offsets, signal, sendBy);
  }

  /**
   * Claims a reader if it is free. True: it is this process's at once. False: it is not free, or somebody else wants it at the same
   * moment; what was claimed then counts after the wait, as any claim.
   */
  async takeFree(reader: string, signal: AbortSignal): Promise<boolean> {
    const group = this.#names.readerGroup(reader);
    if (this.#hasFlags) await this.#log.commit(group, [this.#entry(this.#flag)], signal);
    for (let looks = 0; looks < MOST_LOOKS; looks += 1) {
      // Somebody may find it free, too, and then wait: the wait ends after the last moment at which this claim can be sent.
      const sendBy = this.clock.now() + TRUST_MS;
      const before = await this.#log.committed(group, [this.#place], signal);
      if (!this.isFree(this.holderIn(before))) return false;
      // Not to be broken off: whether it was written, and when, must not be in doubt.
      if (!(await this.write(reader, undefined, sendBy))) continue;
      const after = await this.#log.committed(group, [this.#place, this.#flag], signal);
      const flag = holderIn(after.find(({ partition }) => partition === this.#flag.partition));
      return this.isOwn(this.holderIn(after)) && (!this.#hasFlags || this.isOwn(flag));
    }
    return false;
  }

  #entry(place: TopicPartition): CommittedOffset {
    const holder: Holder = { ...this.self, at: this.clock.sharedMs() };
    return { ...place, offset: 0, metadata: JSON.stringify(holder) };
  }
}

function holderIn(found: CommittedOffset | undefined): Holder | undefined {
  if (found === undefined) return undefined;
  try {
    const { id = "", host = "", pid = 0, space = "", at = 0 } = JSON.parse(found.metadata) as Partial<Holder>;
    return { id, host, pid, space, at };
  } catch {
    return undefined;
  }
}
