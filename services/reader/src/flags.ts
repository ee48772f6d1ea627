import type { CommittedOffset, TopicPartition } from "@apispool/kafka-log/log-reader.js";
import type { ProcessId } from "./process-id.js";

/** How many partitions the topic of the claims has: the first one for the holder, the others for flags. */
export const CLAIM_PARTITIONS = 16;

/** Partitions of the topic of the claims, for one attempt to take one reader. */
export type Flag = readonly number[];

/** Who raised a flag, and when (`Clock.sharedMs`). */
export interface Raiser extends ProcessId {
  readonly at: number;
}

/**
 * What processes that find a reader free see each other by. Each raises a flag, and then looks for others: of two, at least one
 * sees the other, whoever is faster (the entry protocol of Dekker's and Lamport's mutual exclusion). A register for each process
 * would need as many as there can ever be; so a flag is half of the registers, chosen at random. Of two different halves neither
 * covers the other, so whoever raised its flag last before somebody looks is seen, however many there are. Only where two choose
 * the same half (one time in 6,435) can one overwrite the other unseen.
 */
export class Flags {
  readonly #topic: string;
  readonly #self: ProcessId;
  readonly #isGone: (other: Raiser) => boolean;
  readonly #random: () => number;
  #slots: readonly number[] = [];

  /** `isGone`: whether its flag means nothing any more. */
  constructor(topic: string, self: ProcessId, isGone: (other: Raiser) => boolean, random: () => number) {
    this.#topic = topic;
    this.#self = self;
    this.#isGone = isGone;
    this.#random = random;
  }

  /** The topic has so many partitions. With one, nobody can be seen. */
  set partitions(count: number) {
    const slots = Math.min(count, CLAIM_PARTITIONS) - 1;
    this.#slots = Array.from({ length: Math.max(0, slots) }, (_, i) => i + 1);
  }

  /** What has to be asked for, to see the flags of others: of processes, too, that know of more partitions than this one. */
  get places(): readonly TopicPartition[] {
    return Array.from({ length: CLAIM_PARTITIONS - 1 }, (_, i) => ({ topic: this.#topic, partition: i + 1 }));
  }

  /** A flag for one attempt. */
  choose(): Flag {
    const left = [...this.#slots];
    const half = Math.ceil(left.length / 2);
    return Array.from({ length: half }, () => left.splice(Math.floor(this.#random() * left.length), 1)[0] ?? 0);
  }

  /** What has to be committed, in one request, to raise it. */
  raised(flag: Flag, at: number): readonly CommittedOffset[] {
    const raiser: Raiser = { ...this.#self, at };
    return this.#entries(flag, JSON.stringify(raiser));
  }

  lowered(flag: Flag): readonly CommittedOffset[] {
    return this.#entries(flag, "");
  }

  /** Whether, among a group's committed offsets, the flag stands as it was raised, and none of anybody else that means something. */
  isAlone(flag: Flag, committed: readonly CommittedOffset[]): boolean {
    const found = new Map(committed.map((offset) => [offset.partition, whoseIn(offset.metadata)]));
    const others = this.places.flatMap(({ partition }) => found.get(partition) ?? []);
    return (
      flag.every((slot) => found.get(slot)?.id === this.#self.id) &&
      others.every((other) => other.id === this.#self.id || this.#isGone(other))
    );
  }

  #entries(flag: Flag, metadata: string): readonly CommittedOffset[] {
    return flag.map((partition) => ({ topic: this.#topic, partition, offset: 0, metadata }));
  }
}

function whoseIn(metadata: string): Raiser | undefined {
  if (metadata === "") return undefined;
  try {
    const { id = "", host = "", pid = 0, space = "", at = 0 } = JSON.parse(metadata) as Partial<Raiser>;
    return { id, host, pid, space, at };
  } catch {
    return undefined;
  }
}
