import type { CommittedOffset, LogReader } from "@apispool/kafka-log/log-reader.js";
import type { Names } from "@apispool/kafka-log/topics.js";
import type { Catalogue, SourcePartition } from "./catalogue.js";
import type { CursorPlace } from "./cursor.js";
import { type Gap, recreatedGap } from "./gap.js";
import { KeyedLock } from "@apispool/common/keyed-lock.js";
import { type Place, keyOf } from "./place.js";

/** Where a reader begins that has no position yet. */
export type Start = "earliest" | "latest" | { readonly timestampMs: number };

/** Where a reader stands. */
export interface Standing {
  readonly places: readonly Place[];
  /** What it can never read, although it has not read it. */
  readonly gaps: readonly Gap[];
  /** Whether it had no position in anything before. */
  readonly isNew: boolean;
  /** Milliseconds since the Unix epoch of its last commit; undefined when nobody noted it. */
  readonly lastActivityMs: number | undefined;
}

/** What is written beside a committed offset. */
interface Note {
  /** The topic's id at that time. */
  readonly topic?: string;
  /** Milliseconds since the Unix epoch. */
  readonly at?: number;
}

/**
 * Readers' positions: committed offsets of the consumer group that has the reader's name, so that every Kafka tool shows
 * them. Commits of one reader are made one after the other; a position moves backwards only by `set`.
 */
export class Positions {
  readonly #log: LogReader;
  readonly #names: Names;
  readonly #catalogue: Catalogue;
  readonly #commits = new KeyedLock();

  constructor(log: LogReader, names: Names, catalogue: Catalogue) {
    this.#log = log;
    this.#names = names;
    this.#catalogue = catalogue;
  }

  /**
   * Where a reader stands in everything that there is. A reader that has no position anywhere gets one by `start` and
   * exists from then on; a partition that came to be after the reader is read from its beginning.
   */
  async open(reader: string, start: Start, signal?: AbortSignal): Promise<Standing> {
    return await this.#commits.run([reader], async () => {
      const standing = await this.find(reader, signal);
      const known = new Set(standing.places.map(keyOf));
      const missing = (await this.#catalogue.partitions(1000)).filter((partition) => !known.has(keyOf(partition)));
      if (missing.length === 0) return standing;
      const begun = await this.#begin(missing, standing.isNew ? start : "earliest", signal);
      await this.#log.commit(this.#names.readerGroup(reader), begun.map(toCommit), signal);
      return { ...standing, places: [...standing.places, ...begun] };
    });
  }

  /** Where a reader stands in what it has a position in; changes nothing. */
  async find(reader: string, signal?: AbortSignal): Promise<Standing> {
    const partitions = await this.#catalogue.partitions();
    const committed = await this.#log.committed(this.#names.readerGroup(reader), partitions, signal);
    const byKey = new Map(committed.map((offset) => [keyOf(offset), offset]));
    const places: Place[] = [];
    const gaps: Gap[] = [];
    let lastActivityMs: number | undefined;
    for (const partition of partitions) {
      const found = byKey.get(keyOf(partition));
      if (found === undefined) continue;
      const note = noteOf(found);
      if (note.at !== undefined) lastActivityMs = Math.max(lastActivityMs ?? 0, note.at);
      if (note.topic !== undefined && note.topic !== partition.topicId) {
        gaps.push(recreatedGap({ ...partition, offset: found.offset }));
        places.push({ ...partition, offset: 0 });
      } else places.push({ ...partition, offset: found.offset });
    }
    return { places, gaps, isNew: places.length === 0, lastActivityMs };
  }

  /** Moves a reader forward. What is behind its position already is left; tells whether anything moved, and where it stands. */
  async advance(
    reader: string,
    to: readonly CursorPlace[],
    signal?: AbortSignal,
  ): Promise<{ readonly changed: boolean; readonly places: readonly Place[] }> {
    return await this.#commits.run([reader], async () => {
      const wanted = await this.resolve(to);
      const group = this.#names.readerGroup(reader);
      const committed = await this.#log.committed(group, wanted, signal);
      const byKey = new Map(committed.map((offset) => [keyOf(offset), offset]));
      const ahead = wanted.filter((place) => {
        const found = byKey.get(keyOf(place));
        const sameTopic = found === undefined || (noteOf(found).topic ?? place.topicId) === place.topicId;
        return found === undefined || !sameTopic || place.offset > found.offset;
      });
      await this.#log.commit(group, ahead.map(toCommit), signal);
      const moved = new Set(ahead.map(keyOf));
      const places = wanted.map((place) =>
        moved.has(keyOf(place)) ? place : { ...place, offset: byKey.get(keyOf(place))?.offset ?? place.offset },
      );
      return { changed: ahead.length > 0, places };
    });
  }

  /** Moves a reader anywhere, backwards too. */
  async set(reader: string, places: readonly Place[], signal?: AbortSignal): Promise<void> {
    await this.#commits.run([reader], async () =>
      this.#log.commit(this.#names.readerGroup(reader), places.map(toCommit), signal),
    );
  }

  /** Forgets a reader; false when there was none. */
  async forget(reader: string, signal?: AbortSignal): Promise<boolean> {
    return await this.#commits.run([reader], async () =>
      this.#log.deleteGroup(this.#names.readerGroup(reader), signal),
    );
  }

  /** Commits a reader's position again as it is, so that Kafka does not take it for abandoned (KIP-211). */
  async renew(reader: string): Promise<void> {
    await this.#commits.run([reader], async () => {
      const group = this.#names.readerGroup(reader);
      const committed = await this.#log.committed(group, await this.#catalogue.partitions(1000));
      await this.#log.commit(group, committed);
    });
  }

  /** The names of all readers, in order. */
  async readers(signal?: AbortSignal): Promise<readonly string[]> {
    const prefix = this.#names.readerGroupPrefix;
    return (await this.#log.groups(prefix, signal)).map((group) => group.slice(prefix.length));
  }

  /** A cursor's places in the topics as they are now; those of a topic that is gone, or was made again, are left out. */
  async resolve(places: readonly CursorPlace[]): Promise<readonly Place[]> {
    const partitions = await this.#catalogue.partitions(1000);
    const byName = new Map(partitions.map((p) => [`${p.source}/${p.partition}`, p]));
    return places.flatMap(({ source, partition, offset, topicId }) => {
      const found = byName.get(`${source}/${partition}`);
      return found === undefined || found.topicId !== topicId ? [] : [{ ...found, offset }];
    });
  }

  async #begin(partitions: readonly SourcePartition[], start: Start, signal?: AbortSignal): Promise<readonly Place[]> {
    const offsets = await this.#log.offsetsAt(start, partitions, signal);
    const byKey = new Map(offsets.map((place) => [keyOf(place), place.offset]));
    return partitions.map((partition) => ({ ...partition, offset: byKey.get(keyOf(partition)) ?? 0 }));
  }
}

function toCommit({ topic, partition, offset, topicId }: Place): CommittedOffset {
  const note: Note = { topic: topicId, at: Date.now() };
  return { topic, partition, offset, metadata: JSON.stringify(note) };
}

/** Other tools may set positions too, and write there what they like. */
function noteOf({ metadata }: CommittedOffset): Note {
  try {
    const note = JSON.parse(metadata) as Record<keyof Note, unknown> | null;
    return {
      ...(typeof note?.topic === "string" ? { topic: note.topic } : {}),
      ...(typeof note?.at === "number" ? { at: note.at } : {}),
    };
  } catch {
    return {};
  }
}
