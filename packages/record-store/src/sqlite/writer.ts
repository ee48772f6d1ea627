import type { DatabaseSync, StatementSync } from "node:sqlite";
import { removalsOf, removedAtOnce } from "../removals-of.js";
import type { StoreGap, StorePosition, StoreRemoval, StoreRow } from "../store.js";

/** How many records of a forgotten source are removed at a time. */
const SWEEP = 5000;

type OldRecord = Pick<StoreRow, "partition" | "offset" | "ingestedMs"> & { readonly n: number; readonly bytes: number };

/** Writes to one generation. */
export class Writer {
  readonly #db: DatabaseSync;
  readonly #insert: StatementSync;
  readonly #add: StatementSync;
  readonly #move: StatementSync;
  readonly #gap: StatementSync;
  readonly #removal: StatementSync;
  readonly #sids = new Map<string, number>();

  constructor(db: DatabaseSync) {
    this.#db = db;
    this.#insert = db.prepare(
      `INSERT INTO record (sid, partition, offset, id, ingested, event, json, header_count, headers, key, value)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (sid, partition, offset) DO NOTHING`,
    );
    this.#add = db.prepare("UPDATE source SET records = records + ? WHERE sid = ?");
    // Another process may have come further.
    this.#move = db.prepare(
      `INSERT INTO position (sid, partition, topic_id, next_offset) VALUES (?, ?, ?, ?)
       ON CONFLICT (sid, partition) DO UPDATE SET topic_id = excluded.topic_id, next_offset =
         CASE WHEN topic_id = excluded.topic_id THEN max(next_offset, excluded.next_offset) ELSE excluded.next_offset END`,
    );
    this.#gap = db.prepare(
      `INSERT INTO gap (sid, partition, from_offset, to_offset, topic_id, reason, detail) VALUES (?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT DO NOTHING`,
    );
    this.#removal = db.prepare(
      `INSERT INTO removal (sid, partition, before_offset, before_ms) VALUES (?, ?, ?, ?) ON CONFLICT (sid, partition) DO UPDATE SET
         before_offset = max(before_offset, excluded.before_offset), before_ms = max(before_ms, excluded.before_ms)`,
    );
  }

  write(
    rows: readonly StoreRow[],
    positions: readonly StorePosition[],
    gaps: readonly StoreGap[],
    removals: readonly StoreRemoval[],
  ): void {
    this.#transaction(() => {
      const added = new Map<number, number>();
      for (const row of rows) {
        const sid = this.#sid(row.source);
        const { changes } = this.#insert.run(
          sid,
          row.partition,
          row.offset,
          row.id,
          row.ingestedMs,
          row.eventMs ?? null,
          row.isJson ? 1 : 0,
          row.headerCount,
          row.headers,
          row.key,
          row.value,
        );
        if (changes === 1) added.set(sid, (added.get(sid) ?? 0) + 1);
      }
      for (const [sid, count] of added) this.#add.run(count, sid);
      for (const gap of gaps) {
        const sid = this.#sid(gap.source);
        this.#gap.run(sid, gap.partition, gap.fromOffset, gap.toOffset, gap.topicId, gap.reason, gap.detail);
      }
      for (const { source, partition, beforeOffset, beforeMs } of removals) {
        this.#removal.run(this.#sid(source), partition, beforeOffset, beforeMs);
      }
      for (const { source, partition, topicId, nextOffset } of positions) {
        this.#move.run(this.#sid(source), partition, topicId, nextOffset);
      }
    });
  }

  positions(): StorePosition[] {
    return positionsIn(this.#db);
  }

  /** The source is unknown at once; its records are removed little by little. */
  forget(source: string): void {
    this.#transaction(() => {
      const found = this.#db.prepare("SELECT sid FROM source WHERE name = ?").get(source);
      if (found === undefined) return;
      const sid = Number(found["sid"]);
      this.#db.prepare("UPDATE source SET name = NULL, records = 0 WHERE sid = ?").run(sid);
      this.#db.prepare("DELETE FROM position WHERE sid = ?").run(sid);
      this.#db.prepare("DELETE FROM gap WHERE sid = ?").run(sid);
      this.#db.prepare("DELETE FROM removal WHERE sid = ?").run(sid);
    });
    this.#sids.clear();
  }

  /** Removes the oldest records that were written to Kafka before a time, so many at most. Returns how many. */
  removeBefore(source: string, beforeMs: number, limit: number): number {
    const found = this.#db.prepare("SELECT sid FROM source WHERE name = ?").get(source);
    if (found === undefined) return 0;
    const sid = Number(found["sid"]);
    // Most of the time there is nothing, and then nobody's lock is waited for.
    const any = this.#db.prepare("SELECT 1 FROM record WHERE sid = ? AND ingested >= 0 AND ingested < ? LIMIT 1");
    if (any.get(sid, beforeMs) === undefined) return 0;
    let removed = 0;
    this.#transaction(() => {
      const found = this.#db
        .prepare(
          `SELECT n, partition, offset, ingested AS ingestedMs, coalesce(length(value), 0) AS bytes
           FROM record INDEXED BY record_ingested WHERE sid = ? AND ingested >= 0 AND ingested < ?
           ORDER BY ingested, partition, offset LIMIT ?`,
        )
        .all(sid, beforeMs, limit) as unknown as OldRecord[];
      const old = removedAtOnce(found);
      const remove = this.#db.prepare("DELETE FROM record WHERE n = ?");
      for (const { n } of old) remove.run(n);
      for (const { partition, beforeOffset, beforeMs: until } of removalsOf(source, old)) {
        this.#removal.run(sid, partition, beforeOffset, until);
      }
      this.#add.run(-old.length, sid);
      removed = old.length;
    });
    return removed;
  }

  /** Removes some records of forgotten sources; false when there are none. */
  sweep(): boolean {
    const forgotten = this.#db.prepare("SELECT sid FROM source WHERE name IS NULL LIMIT 1").get();
    if (forgotten === undefined) return false;
    const sid = Number(forgotten["sid"]);
    this.#transaction(() => {
      const { changes } = this.#db
        .prepare("DELETE FROM record WHERE n IN (SELECT n FROM record WHERE sid = ? LIMIT ?)")
        .run(sid, SWEEP);
      if (Number(changes) < SWEEP) this.#db.prepare("DELETE FROM source WHERE sid = ?").run(sid);
    });
    return true;
  }

  close(): void {
    this.#db.close();
  }

  #sid(source: string): number {
    let sid = this.#sids.get(source);
    if (sid !== undefined) return sid;
    this.#db.prepare("INSERT INTO source (name) VALUES (?) ON CONFLICT DO NOTHING").run(source);
    sid = Number(this.#db.prepare("SELECT sid FROM source WHERE name = ?").get(source)?.["sid"]);
    this.#sids.set(source, sid);
    return sid;
  }

  #transaction(work: () => void): void {
    this.#db.exec("BEGIN IMMEDIATE");
    try {
      work();
      this.#db.exec("COMMIT");
    } catch (error) {
      // What it has learned of sources may be undone with it.
      this.#sids.clear();
      if (this.#db.isTransaction) this.#db.exec("ROLLBACK");
      throw error;
    }
  }
}

export function positionsIn(db: DatabaseSync): StorePosition[] {
  const rows = db
    .prepare(
      `SELECT name AS source, topic_id AS topicId, partition, next_offset AS nextOffset FROM position JOIN source USING (sid)
       WHERE name IS NOT NULL ORDER BY name, partition`,
    )
    .all();
  return rows.map((row) => ({ ...row })) as unknown as StorePosition[];
}
