import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { StoreGap, StorePosition, StoreRow } from "../store.js";

/** How many records of a forgotten source are removed at a time. */
const SWEEP = 5000;

/** Writes to one generation. */
export class Writer {
  readonly #db: DatabaseSync;
  readonly #insert: StatementSync;
  readonly #add: StatementSync;
  readonly #move: StatementSync;
  readonly #gap: StatementSync;
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
  }

  write(rows: readonly StoreRow[], positions: readonly StorePosition[], gaps: readonly StoreGap[]): void {
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
    });
    this.#sids.clear();
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
