import { Code } from "@connectrpc/connect";
import { rpcError } from "@apispool/common/errors.js";
import type { CommittedOffset, LogReader } from "@apispool/kafka-log/log-reader.js";
import type { Names } from "@apispool/kafka-log/topics.js";
import type { Catalogue, SourcePartition } from "@apispool/kafka-log/catalogue.js";
import { TRUST_MS } from "./claim-times.js";
import type { Claims, Holder } from "./claims.js";
import type { CursorPlace } from "./cursor.js";
import { type Gap, recreatedGap } from "./gap.js";
import { KeyedLock } from "@apispool/common/keyed-lock.js";
import { type Place, keyOf } from "./place.js";
import { movedError } from "./tenure.js";

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
  /** The process that serves it; undefined where that is not known. */
  readonly holder: Holder | undefined;
}

/**
 * How old what was read may be when something that depends on it is committed, in milliseconds. Kafka has no conditional
 * commit: a process that is frozen in between must not write over what another one has committed meanwhile.
 */
const FRESH_MS = 1000;
/** How often it is read again because it has become older than that. */
const MOST_TRIES = 10;
/** A position that was committed since needs no renewal, in milliseconds. */
const RENEW_AFTER_MS = 12 * 3_600_000;

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
  readonly #claims: Claims;
  readonly #commits = new KeyedLock();

  constructor(log: LogReader, names: Names, catalogue: Catalogue, claims: Claims) {
    this.#claims = claims;
    this.#log = log;
    this.#names = names;
    this.#catalogue = catalogue;
  }

  /**
   * Where a reader stands in everything that there is. A reader that has no position anywhere gets one by `start` and
   * exists from then on; a partition that came to be after the reader is read from its beginning. A reader that another
   * process may serve is left as it is.
   */
  async open(reader: string, start: Start, signal?: AbortSignal): Promise<Standing> {
    return await this.#whileFresh(reader, async (sendBy) => {
      const standing = await this.find(reader, signal);
      if (this.#claims.enabled && !this.#claims.isOwn(standing.holder)) return standing;
      const known = new Set(standing.places.map(keyOf));
      const missing = (await this.#catalogue.partitions(1000)).filter((partition) => !known.has(keyOf(partition)));
      if (missing.length === 0) return standing;
      const begun = await this.#begin(missing, standing.isNew ? start : "earliest", signal);
      const group = this.#names.readerGroup(reader);
      if (!(await this.#log.commit(group, begun.map(toCommit), signal, sendBy))) return undefined;
      return { ...standing, places: [...standing.places, ...begun] };
    });
  }

  /** Where a reader stands in what it has a position in; changes nothing. */
  async find(reader: string, signal?: AbortSignal): Promise<Standing> {
    const partitions = await this.#catalogue.partitions();
    const asked = [...partitions, ...this.#claims.places];
    const committed = await this.#log.committed(this.#names.readerGroup(reader), asked, signal);
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
    const holder = this.#claims.holderIn(committed);
    return { places, gaps, isNew: places.length === 0, lastActivityMs, holder };
  }

  /** Moves a reader forward. What is behind its position already is left; tells whether anything moved, and where it stands. */
  async advance(
    reader: string,
    to: readonly CursorPlace[],
    signal?: AbortSignal,
  ): Promise<{ readonly changed: boolean; readonly places: readonly Place[] }> {
    return await this.#whileFresh(reader, async (sendBy) => {
      const wanted = await this.resolve(to);
      const group = this.#names.readerGroup(reader);
      const committed = await this.#log.committed(group, wanted, signal);
      const byKey = new Map(committed.map((offset) => [keyOf(offset), offset]));
      const sameTopic = (place: Place): CommittedOffset | undefined => {
        const found = byKey.get(keyOf(place));
        return found !== undefined && (noteOf(found).topic ?? place.topicId) === place.topicId ? found : undefined;
      };
      const behind = wanted.filter((place) => place.offset < (sameTopic(place)?.offset ?? 0));
      // A position behind the end of a log that was truncated is none any more: what is written up to it would be passed over.
      const found = behind.length === 0 ? [] : await this.#log.offsetsAt("latest", behind, signal);
      const ends = new Map(found.map((end) => [keyOf(end), end.offset]));
      const ahead = wanted.filter((place) => {
        const found = sameTopic(place);
        if (found === undefined || place.offset > found.offset) return true;
        const end = ends.get(keyOf(place));
        return end !== undefined && found.offset > end && place.offset <= end;
      });
      if (!(await this.#log.commit(group, ahead.map(toCommit), signal, sendBy))) return undefined;
      const moved = new Set(ahead.map(keyOf));
      const places = wanted.map((place) =>
        moved.has(keyOf(place)) ? place : { ...place, offset: byKey.get(keyOf(place))?.offset ?? place.offset },
      );
      return { changed: ahead.length > 0, places };
    });
  }

  /** Moves a reader anywhere, backwards too; false where `sendBy` (performance.now()) was over before it could be sent. */
  async set(reader: string, places: readonly Place[], sendBy: number, signal?: AbortSignal): Promise<boolean> {
    return await this.#commits.run([reader], async () =>
      this.#log.commit(this.#names.readerGroup(reader), places.map(toCommit), signal, sendBy),
    );
  }

  /**
   * Forgets a reader, and who serves it; false when there was none. Rejects with UNAVAILABLE / READER_MOVED where `sendBy`
   * (performance.now()) is over: it would be forgotten under somebody else.
   */
  async forget(reader: string, sendBy: number, signal?: AbortSignal): Promise<boolean> {
    return await this.#commits.run([reader], async () => {
      if (performance.now() > sendBy) throw movedError(reader);
      return await this.#log.deleteGroup(this.#names.readerGroup(reader), signal);
    });
  }

  /** Commits a reader's position again as it is, so that Kafka does not take it for abandoned (KIP-211). */
  async renew(reader: string): Promise<void> {
    const since = Date.now() - RENEW_AFTER_MS;
    await this.#whileFresh(reader, async (sendBy) => {
      const trusted = performance.now() + TRUST_MS;
      const group = this.#names.readerGroup(reader);
      const asked = [...(await this.#catalogue.partitions(1000)), ...this.#claims.places];
      // What moves is left alone: it needs no renewal, and it may be moved by another process just now. So is another one's
      // claim: who writes that again can take the reader from whoever has claimed it meanwhile.
      const still = (await this.#log.committed(group, asked)).filter((offset) =>
        this.#claims.isHolders(offset)
          ? this.#claims.isOwn(this.#claims.holderIn([offset]))
          : (noteOf(offset).at ?? 0) < since,
      );
      return (await this.#log.commit(group, still, undefined, Math.min(sendBy, trusted))) ? true : undefined;
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

  /**
   * Reads and commits, alone in this process. What follows from what was read has to be sent by `sendBy`; undefined, for
   * what would have come too late, does it again.
   */
  async #whileFresh<T>(reader: string, work: (sendBy: number) => Promise<T | undefined>): Promise<T> {
    return await this.#commits.run([reader], async () => {
      for (let tries = 0; tries < MOST_TRIES; tries += 1) {
        const done = await work(performance.now() + FRESH_MS);
        if (done !== undefined) return done;
      }
      throw rpcError(Code.Unavailable, "KAFKA_UNAVAILABLE", "Kafka answers too slowly to commit safely; try again", {
        retryAfterMs: 1000,
      });
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
