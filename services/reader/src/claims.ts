import type { CommittedOffset, LogReader, TopicPartition } from "@apispool/kafka-log/log-reader.js";
import type { Names } from "@apispool/kafka-log/topics.js";
import { type ProcessId, isDead } from "./process-id.js";

/** From when on a claim counts: what it is written over may be alive, or is not there. */
export type Counts = "after a wait" | "at once";

export interface Holder extends ProcessId {
  readonly claims: Counts;
}

/**
 * Which reader process serves which reader, as every process can read it: a process writes its name into the reader's own
 * group, beside the position, as the committed offset of a topic that is always empty. (In the position's own entry it
 * could not be written without writing the position, too, which may have moved meanwhile.)
 */
export class Claims {
  readonly self: ProcessId;
  /** Whether the topic is there; until then nobody is asked, and nothing is guarded. */
  enabled = false;
  readonly #log: LogReader;
  readonly #names: Names;
  readonly #place: TopicPartition;

  constructor(log: LogReader, names: Names, self: ProcessId) {
    this.self = self;
    this.#log = log;
    this.#names = names;
    this.#place = { topic: names.readers, partition: 0 };
  }

  /** What has to be asked for, to be told the holder with the positions. */
  get places(): readonly TopicPartition[] {
    return this.enabled ? [this.#place] : [];
  }

  /** What has to be committed, to be the holder. */
  own(counts: Counts): readonly CommittedOffset[] {
    return this.enabled
      ? [{ ...this.#place, offset: 0, metadata: JSON.stringify({ ...this.self, claims: counts }) }]
      : [];
  }

  /** The holder among a group's committed offsets; undefined where nobody ever was. */
  holderIn(committed: readonly CommittedOffset[]): Holder | undefined {
    const found = committed.find(({ topic }) => topic === this.#place.topic);
    if (found === undefined) return undefined;
    try {
      const {
        id = "",
        host = "",
        pid = 0,
        space = "",
        claims = "at once",
      } = JSON.parse(found.metadata) as Partial<Holder>;
      return { id, host, pid, space, claims };
    } catch {
      return undefined;
    }
  }

  isOwn(holder: ProcessId): boolean {
    return holder.id === this.self.id;
  }

  isDead(holder: ProcessId): boolean {
    return isDead(holder, this.self);
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
    return await this.#log.commit(this.#names.readerGroup(reader), this.own(counts), signal, sendBy);
  }
}
