import assert from "node:assert/strict";
import { GapReason, type FetchUnreadResponse } from "@apispool/contracts/apispool/v1/data_reader_pb.js";
import type { StoredRecord } from "@apispool/kafka-log/stored-record.js";
import { namesFor } from "@apispool/kafka-log/topics.js";
import { decodeCursor } from "../cursor.js";
import { keyOf } from "../place.js";
import type { MemoryLog } from "./memory-log.js";

/** Where a reader stands in one partition: the topic may have been made again since. */
interface Standing {
  readonly offset: number;
  readonly topicId: string;
}

/** Where reading one partition has to begin, and what has to be said about it. */
export interface Begin {
  readonly source: string;
  readonly topic: string;
  readonly partition: number;
  readonly topicId: string;
  /** Where the reader stands, whether there is anything or not. */
  readonly origin: number;
  /** The first offset that may be delivered. */
  readonly from: number;
  readonly gaps: readonly string[];
  /** Gaps that are told with the first batch, whether the partition is fetched or not. */
  readonly gapsAtOnce: readonly string[];
}

/** What readers have to be handed, said as plainly as can be: positions, and the records of the log behind them. */
export class ReadingModel {
  readonly names = namesFor("apispool");
  readonly #log: MemoryLog;
  readonly #readers = new Map<string, Map<string, Standing>>();

  constructor(log: MemoryLog) {
    this.#log = log;
  }

  exists(reader: string): boolean {
    return this.#readers.has(reader);
  }

  /** Begins a fetch: a new reader gets a position, and a partition that is new to a reader is read from its beginning. */
  async open(reader: string, start: "earliest" | "latest" = "earliest"): Promise<readonly Begin[]> {
    const standing = this.#readers.get(reader) ?? new Map<string, Standing>();
    const partitions = await this.#partitions();
    const isNew = !partitions.some((partition) => standing.has(keyOf(partition)));
    if (partitions.length > 0) this.#readers.set(reader, standing);
    return partitions.map((partition) => {
      const bounds = this.#boundsOf(partition);
      const { topicId } = bounds;
      const label = (from: number, to: number, reason: GapReason): string =>
        `${partition.source}/${partition.partition} ${from}-${to} ${nameOf(reason)}`;
      const known = standing.get(keyOf(partition));
      let from = known?.offset ?? 0;
      const gapsAtOnce: string[] = [];
      if (known === undefined) {
        from = isNew && start === "latest" ? bounds.stable : bounds.start;
        standing.set(keyOf(partition), { offset: from, topicId });
      } else if (known.topicId !== topicId) {
        gapsAtOnce.push(label(from, from, GapReason.TOPIC_RECREATED));
        from = 0;
      }
      const place = { ...partition, topicId, origin: from };
      if (from < bounds.start) {
        return { ...place, from: bounds.start, gaps: [label(from, bounds.start, GapReason.EXPIRED)], gapsAtOnce };
      }
      if (from > bounds.end) {
        return { ...place, from: bounds.stable, gaps: [label(bounds.stable, from, GapReason.TRUNCATED)], gapsAtOnce };
      }
      return { ...place, from, gaps: [], gapsAtOnce };
    });
  }

  /** What a fetch from there may deliver now. */
  readable({ topic, partition, from }: Begin): readonly StoredRecord[] {
    return this.#log.readable(topic, partition).filter(({ offset }) => offset >= from);
  }

  /**
   * Checks what a fetch gave, or as much of it as came: in order, nothing left out, nothing that was not to come, and that
   * every cursor is exactly behind what has been delivered and told. `passes`: what the filter lets through.
   */
  check(
    reader: string,
    begins: readonly Begin[],
    batches: readonly FetchUnreadResponse[],
    passes: (record: StoredRecord) => boolean = () => true,
  ): void {
    const byName = new Map(begins.map((begin) => [`${begin.source}/${begin.partition}`, begin]));
    const delivered = new Map<Begin, number[]>(begins.map((begin) => [begin, []]));
    const told: string[] = [];
    for (const [i, batch] of batches.entries()) {
      assert.equal(batch.complete && i < batches.length - 1, false, "something came behind the last batch");
      for (const { source, partition, offset } of batch.records) {
        const begin = byName.get(`${source}/${partition}`);
        assert.ok(begin !== undefined, `${source}/${partition} was not asked for`);
        delivered.get(begin)?.push(Number(offset));
      }
      for (const { source, partition, fromOffset, toOffset, reason } of batch.gaps) {
        told.push(`${source}/${partition} ${fromOffset}-${toOffset} ${nameOf(reason)}`);
      }
      const places = new Map(
        decodeCursor(batch.cursor, reader, "cursor").map((place) => [`${place.source}/${place.partition}`, place]),
      );
      for (const begin of begins) {
        const name = `${begin.source}/${begin.partition}`;
        const place = places.get(name);
        if (place !== undefined) assert.equal(place.topicId, begin.topicId, `the cursor is of another ${begin.topic}`);
        const upTo = place?.offset ?? 0;
        const expected = this.readable(begin).filter((record) => record.offset < upTo && passes(record));
        assert.deepEqual(
          delivered.get(begin),
          expected.map(({ offset }) => offset),
          `${name} from ${begin.from}: what is delivered is not what lies before the cursor at ${upTo}`,
        );
        const moved = place !== undefined && place.offset !== begin.origin;
        const owed = [...begin.gapsAtOnce, ...(moved ? begin.gaps : [])];
        for (const gap of owed) assert.ok(told.includes(gap), `${gap} is behind the cursor and was not told`);
      }
    }
    const possible = new Set(begins.flatMap(({ gaps, gapsAtOnce }) => [...gaps, ...gapsAtOnce]));
    for (const gap of told)
      assert.ok(possible.has(gap), `${gap} was told; there is ${[...possible].join(", ") || "none"}`);
    assert.equal(new Set(told).size, told.length, `a gap was told twice: ${told.join(", ")}`);
  }

  /** Checks that a whole fetch without limits has left nothing out that was there when it began. */
  checkAll(
    begins: readonly Begin[],
    before: ReadonlyMap<Begin, readonly number[]>,
    batches: readonly FetchUnreadResponse[],
  ): void {
    assert.equal(batches.at(-1)?.complete, true, "the last batch does not say that it is");
    for (const begin of begins) {
      const own = batches
        .flatMap(({ records }) => records)
        .filter(({ source, partition }) => source === begin.source && partition === begin.partition);
      const got = new Set(own.map(({ offset }) => Number(offset)));
      for (const offset of before.get(begin) ?? []) {
        assert.ok(got.has(offset), `${begin.source}/${begin.partition} ${offset} was there and was left out`);
      }
    }
    const told = batches.flatMap(({ gaps }) => gaps).length;
    assert.equal(told, begins.flatMap(({ gaps, gapsAtOnce }) => [...gaps, ...gapsAtOnce]).length, "a gap was not told");
  }

  /** What an acknowledgement does: forward only, and only in the topics that the cursor was given for. */
  async acknowledge(reader: string, cursor: string): Promise<void> {
    const standing = this.#readers.get(reader) ?? new Map<string, Standing>();
    const wanted = decodeCursor(cursor, reader, "cursor");
    for (const partition of await this.#partitions()) {
      const { topicId, stable } = this.#boundsOf(partition);
      const place = wanted.find((one) => one.source === partition.source && one.partition === partition.partition);
      if (place === undefined || place.topicId !== topicId) continue;
      const known = standing.get(keyOf(partition));
      // A position behind the log's end is none any more.
      const isLost = known !== undefined && known.offset > stable && place.offset <= stable;
      if (known === undefined || known.topicId !== topicId || place.offset > known.offset || isLost) {
        standing.set(keyOf(partition), { offset: place.offset, topicId });
        this.#readers.set(reader, standing);
      }
    }
  }

  /** Puts a reader somewhere in every partition. */
  async seek(reader: string, to: (begin: { topic: string; partition: number }) => number): Promise<void> {
    await this.open(reader);
    for (const partition of await this.#partitions()) {
      const { topicId } = this.#boundsOf(partition);
      this.#readers.get(reader)?.set(keyOf(partition), { offset: to(partition), topicId });
    }
  }

  forget(reader: string): void {
    this.#readers.delete(reader);
  }

  /** Kafka has forgotten the offsets of a topic that was deleted. */
  forgetTopic(topic: string): void {
    for (const standing of this.#readers.values()) {
      for (const key of standing.keys()) if (key.startsWith(`${topic}/`)) standing.delete(key);
    }
  }

  /** Whether what Kafka has for a reader's position is what it has to be; says what is not. */
  async difference(reader: string): Promise<string | undefined> {
    const partitions = await this.#partitions();
    const committed = new Map(
      (await this.#log.committed(this.names.readerGroup(reader), partitions)).map((place) => [
        keyOf(place),
        place.offset,
      ]),
    );
    for (const partition of partitions) {
      const expected = this.#readers.get(reader)?.get(keyOf(partition))?.offset;
      const actual = committed.get(keyOf(partition));
      if (expected !== actual) return `${reader} stands at ${actual} in ${keyOf(partition)}, and should at ${expected}`;
    }
    return undefined;
  }

  async checkPosition(reader: string): Promise<void> {
    const difference = await this.difference(reader);
    assert.ok(difference === undefined, difference);
  }

  async #partitions(): Promise<readonly { source: string; topic: string; partition: number }[]> {
    const topics = await this.#log.topics(this.names.recordsPrefix);
    return topics.flatMap(({ name: topic, partitions }) =>
      partitions.map((partition) => ({ source: this.names.sourceOf(topic) ?? "", topic, partition })),
    );
  }

  #boundsOf({ topic, partition }: { topic: string; partition: number }) {
    const bounds = this.#log.bounds(topic, partition);
    assert.ok(bounds !== undefined);
    return bounds;
  }
}

function nameOf(reason: number): string {
  return Object.keys(GapReason).find((name) => GapReason[name as keyof typeof GapReason] === reason) ?? String(reason);
}
