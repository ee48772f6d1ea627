import type { ForeignTopic } from "@apispool/kafka-log/foreign-topics.js";
import { sourceTopics } from "@apispool/kafka-log/foreign-topics.js";
import type { TopicInfo, TopicPartition } from "@apispool/kafka-log/log-reader.js";
import type { Names } from "@apispool/kafka-log/topics.js";
import type { RecordStore } from "../store.js";

/** How old an answer of the store's may be where it says that the store has not come so far, in milliseconds. */
const FRESH_MS = 100;
/** After the store could not be asked it is left alone for a while, in milliseconds: Kafka answers meanwhile. */
const REST_MS = 1000;

/** What the store held of a partition when it was last asked: everything before `end`, as it was written to this topic and no other of its name. */
export interface StoredPartition {
  readonly source: string;
  readonly topicId: string;
  readonly end: number;
  /** What is missing before it was removed because it was too old, as far as is known: Kafka is to be asked first. */
  readonly begin: number;
}

/** Knows which partitions the store has, and how far. One for all who read. */
export class StoreEnds {
  readonly #store: RecordStore;
  readonly #names: Names;
  readonly #foreign: readonly ForeignTopic[];
  #topics = new Map<string, { readonly source: string; readonly topicId: string }>();
  #ends = new Map<string, { readonly topicId: string; readonly end: number }>();
  /** As reading has found them, since the ends were asked for. */
  readonly #begins = new Map<string, number>();
  #asking: Promise<void> | undefined;
  #askedAt = -Infinity;
  #restUntil = -Infinity;

  constructor(store: RecordStore, names: Names, foreign: readonly ForeignTopic[]) {
    this.#store = store;
    this.#names = names;
    this.#foreign = foreign;
  }

  /** What topics there are now, as whoever reads has just heard. */
  saw(prefix: string, topics: readonly TopicInfo[]): void {
    const known = new Map(prefix === "" ? [] : this.#topics);
    for (const { source, name, topicId } of sourceTopics(topics, this.#names, this.#foreign).topics) {
      known.set(name, { source, topicId });
    }
    this.#topics = known;
  }

  /** Undefined: of this topic the store has nothing, or it cannot be asked. `atLeast`: an answer of before will do if it says so much. */
  async of({ topic, partition }: TopicPartition, atLeast: number): Promise<StoredPartition | undefined> {
    const known = this.#topics.get(topic);
    if (known === undefined) return undefined;
    const key = `${known.source}/${partition}`;
    const enough = (): boolean => {
      const there = this.#ends.get(key);
      return there?.topicId === known.topicId && there.end > atLeast;
    };
    if (!enough()) await this.#refresh();
    const there = this.#ends.get(key);
    return there?.topicId === known.topicId
      ? { ...known, end: there.end, begin: this.#begins.get(key) ?? 0 }
      : undefined;
  }

  begins({ source }: StoredPartition, partition: number, offset: number): void {
    this.#begins.set(`${source}/${partition}`, offset);
  }

  /** Whether the store has just failed to answer. */
  get isAway(): boolean {
    return performance.now() < this.#restUntil;
  }

  failed(): void {
    this.#restUntil = performance.now() + REST_MS;
  }

  async #refresh(): Promise<void> {
    const now = performance.now();
    if (now < this.#restUntil || now - this.#askedAt < FRESH_MS) return await this.#asking;
    this.#askedAt = now;
    this.#asking = this.#askNow();
    return await this.#asking;
  }

  async #askNow(): Promise<void> {
    try {
      const positions = await this.#store.current.positions();
      this.#begins.clear();
      this.#ends = new Map(
        positions.map(({ source, partition, topicId, nextOffset }) => [
          `${source}/${partition}`,
          { topicId, end: nextOffset },
        ]),
      );
    } catch {
      this.failed();
    }
  }
}
