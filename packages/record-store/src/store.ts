import type { Expression } from "./where/expression.js";

/** A record as a store keeps it: all that Kafka has of it, so that it can be handed on byte for byte. */
export interface StoreRow {
  readonly source: string;
  readonly partition: number;
  readonly offset: number;
  /** The thing's id; empty where it has none. Versions of one thing have the same source and id. */
  readonly id: string;
  /** When it was written to Kafka, in milliseconds since the Unix epoch. */
  readonly ingestedMs: number;
  /** When it happened, likewise; undefined where that is not known. */
  readonly eventMs: number | undefined;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  /** Whether the value is JSON text; only then a `where` finds anything in it. */
  readonly isJson: boolean;
  /** The headers, encoded as in a Kafka record (after their number). */
  readonly headers: Buffer;
  readonly headerCount: number;
}

/** How far the projection has come in one partition of a source's topic. */
export interface StorePosition {
  readonly source: string;
  /** The topic id (KIP-516) in lower-case hex: another one means that the topic was made again. */
  readonly topicId: string;
  readonly partition: number;
  /** Everything before it is in the store. */
  readonly nextOffset: number;
}

/** What Kafka no longer has, nor the store, or what could not be read; offsets, `to` exclusive. */
export interface StoreGap {
  readonly source: string;
  readonly topicId: string;
  readonly partition: number;
  readonly fromOffset: number;
  readonly toOffset: number;
  readonly reason: "expired" | "truncated" | "unreadable";
  readonly detail: string;
}

/** What was removed of a partition because it was too old; what is older than the store itself, and was never read, among it. */
export interface StoreRemoval {
  readonly source: string;
  readonly partition: number;
  /** Everything that was removed lay before this offset. */
  readonly beforeOffset: number;
  /** Everything that was removed was written to Kafka before this, in milliseconds since the Unix epoch. */
  readonly beforeMs: number;
}

export interface StoreFilter {
  /** None: all. */
  readonly sources: readonly string[];
  /** None: all. */
  readonly ids: readonly string[];
  /** Milliseconds since the Unix epoch; `to` exclusive. */
  readonly event: TimeRange;
  readonly ingested: TimeRange;
  readonly where: Expression | undefined;
  /** Of each thing the version that `versions` gives first; a record without an id is a thing of its own. */
  readonly newestOnly: boolean;
}

export interface TimeRange {
  readonly from?: number;
  readonly to?: number;
}

export interface StoreOrder {
  readonly by: "ingested" | "event";
  readonly descending: boolean;
}

/** A place in an order: that of the last record that was looked at. Ties are broken by source, partition and offset, in the same direction. */
export interface Keyset {
  readonly timeMs: number;
  readonly source: string;
  readonly partition: number;
  readonly offset: number;
}

/** What one step of a query may cost. */
export interface Slice {
  /** The most records to look at. */
  readonly scan: number;
  /** The most records to give. */
  readonly limit: number;
  /** About the most bytes of values to give; one record at least. */
  readonly maxBytes: number;
}

/** One step of a query. */
export interface SliceResult {
  readonly rows: readonly StoreRow[];
  /** How many records were looked at. */
  readonly scanned: number;
  /** Where to go on, which is a place and not always a record that was given; undefined: nothing follows. */
  readonly next: Keyset | undefined;
}

/** What a store has of a partition from an offset on. */
export interface StoreRead {
  /** In offset order. Behind `until` there may be some of what is just being written. */
  readonly rows: readonly StoreRow[];
  readonly gaps: readonly StoreGap[];
  /**
   * What Kafka had of the topic before this offset is among the rows and the gaps; what is neither was no record (Kafka counts the ends of
   * transactions, too). Undefined: of this partition nothing is known, or all of it is just being forgotten.
   */
  readonly until: { readonly topicId: string; readonly offset: number } | undefined;
  /** Before it any record may be missing because it was too old, whatever `until` says. 0: nothing was removed. */
  readonly removedBefore: number;
}

export interface CountKey {
  readonly bySource: boolean;
  readonly bucket: "minute" | "hour" | "day" | "month" | undefined;
  readonly time: "ingested" | "event";
}

export interface CountRow {
  /** Empty where sources are not told apart. */
  readonly source: string;
  /** The beginning of the stretch of time (UTC), in milliseconds since the Unix epoch; undefined where times are not told apart. */
  readonly fromMs: number | undefined;
  readonly count: number;
}

/** About what is removed at a time, in bytes of values: whoever writes waits for as long as that takes. */
export const REMOVE_BYTES = 16 * 1024 * 1024;

/** A projection of Kafka in a store; there may be two: one that answers, and one that is being built again. */
export interface Projection {
  /** Where it stands; partitions that it has never heard of are left out. */
  positions(): Promise<readonly StorePosition[]>;
  /**
   * Adds records and moves positions, at once or not at all; or, where the database has no transactions, so that repeating it from the
   * old positions comes to the same. What is there already (by source, partition, offset) stays as it is.
   */
  write(
    rows: readonly StoreRow[],
    positions: readonly StorePosition[],
    gaps: readonly StoreGap[],
    removals?: readonly StoreRemoval[],
  ): Promise<void>;
  /** Removes all that is known of a source, because its topic was made again or is gone. */
  forget(source: string): Promise<void>;
  /**
   * Removes records of a source that were written to Kafka before a time (milliseconds since the Unix epoch), so many at most
   * and about {@link REMOVE_BYTES}, and says how many; 0: there are none. Those that have no time (below 0) stay. In the order of their versions, the oldest first, so that a version never outlives a newer one of the
   * same thing. That they were removed is said at once with it, or before where the database has no transactions.
   */
  removeBefore(source: string, beforeMs: number, limit: number): Promise<number>;
}

/**
 * A database of all records. What cannot be done because it cannot be reached rejects with UNAVAILABLE / STORE_UNAVAILABLE, and may be tried again.
 */
export interface RecordStore {
  readonly kind: "sqlite" | "mongodb";
  /** Connects, and makes what is not there yet. */
  open(signal?: AbortSignal): Promise<void>;
  /** Rejects when it cannot be reached; for readiness probes. */
  ping(signal?: AbortSignal): Promise<void>;
  /** The one that answers. */
  readonly current: Projection;
  /** The one that is being built, as an earlier process may have left it; undefined where there is none. */
  building(): Promise<Projection | undefined>;
  /** Begins a new one, in place of one that was begun before. */
  beginRebuild(): Promise<Projection>;
  /** The one that was being built answers from now on, for all processes; the old one is removed. */
  finishRebuild(): Promise<void>;

  /** The next step of a query, from a place on (undefined: from the beginning). */
  query(
    filter: StoreFilter,
    order: StoreOrder,
    after: Keyset | undefined,
    slice: Slice,
    signal?: AbortSignal,
  ): Promise<SliceResult>;
  /**
   * The versions of one thing, the newest first: by when they were written to Kafka, then by partition and offset. About `maxBytes` of
   * them, but one at least; `more`: there are older ones.
   */
  versions(
    source: string,
    id: string,
    limit: number,
    maxBytes: number,
    signal?: AbortSignal,
  ): Promise<{ readonly rows: readonly StoreRow[]; readonly more: boolean }>;
  /**
   * The next step of a count: some of the counts (the same key may come in several steps), and where to go on. A step is bounded
   * by the number of records looked at; where an index answers without looking at each record it may be the only one, and `scanned` is 0.
   * Records without an event time count where no bucket of event times is asked for.
   */
  count(
    filter: StoreFilter,
    key: CountKey,
    after: Keyset | undefined,
    scan: number,
    signal?: AbortSignal,
  ): Promise<{ readonly counts: readonly CountRow[]; readonly scanned: number; readonly next: Keyset | undefined }>;
  /** What was removed of the one that answers; asked after its rows, it says all that may be missing between them. */
  removals(signal?: AbortSignal): Promise<readonly StoreRemoval[]>;
  /** How many records there are of each source. */
  sizes(signal?: AbortSignal): Promise<readonly { readonly source: string; readonly records: number }[]>;

  /** Records of one partition from an offset on, about `maxBytes` of them but one at least; gaps in between are told, too. */
  read(
    source: string,
    partition: number,
    fromOffset: number,
    maxBytes: number,
    signal?: AbortSignal,
  ): Promise<StoreRead>;
  close(): Promise<void>;
}
