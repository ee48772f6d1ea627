import type { DatabaseSync, SQLInputValue, StatementSync } from "node:sqlite";
import type { Expression } from "../where/expression.js";
import type {
  CountKey,
  CountRow,
  Keyset,
  Slice,
  SliceResult,
  StoreFilter,
  StoreGap,
  StoreOrder,
  StorePosition,
  StoreRead,
  StoreRemoval,
  StoreRow,
} from "../store.js";
import { evaluate } from "../where/evaluate.js";
import { type Conditions, MATCHES, conditionsOf } from "./conditions.js";
import { type KeyRange, compareKeys, keyRange } from "./key-range.js";
import { sizeOf } from "./packed-rows.js";
import { orders } from "./schema.js";
import { positionsIn } from "./writer.js";

/** So many records in the range of the time that is not ordered by are sorted rather than looked for. */
const MOST_SORTED = 20_000;
/** How many prepared statements are kept. */
const MOST_STATEMENTS = 200;

interface Source {
  readonly sid: number;
  readonly name: string;
}

interface Hit extends Keyset {
  readonly n: number;
}

const COLUMNS = "partition, offset, id, ingested, event, json, header_count, headers, key, value";

/** Reads one generation. */
export class Searcher {
  readonly #db: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  /** What the query that runs now asks of values. */
  #where: Expression | undefined;

  constructor(db: DatabaseSync) {
    this.#db = db;
    // JavaScript called from SQL and not SQL made of the expression, so that its meaning is the same in every store. SQLite's own
    // JSON functions take 1.5 µs for what takes this 4, but find the first of several members of one name where JSON.parse finds
    // the last, know numbers that are no doubles, and end the whole query at a text that is not JSON.
    db.function(MATCHES, (text) => (this.#where === undefined || evaluate(this.#where, text as string | null) ? 1 : 0));
  }

  /** All that is looked at is of one moment, though records are removed meanwhile. */
  atOnce<T>(work: () => T): T {
    this.#db.exec("BEGIN");
    try {
      return work();
    } finally {
      if (this.#db.isTransaction) this.#db.exec("COMMIT");
    }
  }

  query(filter: StoreFilter, order: StoreOrder, after: Keyset | undefined, slice: Slice): SliceResult {
    const sources = this.#sources(filter.sources);
    if (sources.length === 0) return { rows: [], scanned: 0, next: undefined };
    this.#where = filter.where;
    const conditions = conditionsOf(filter, order.by);
    const found =
      conditions.sql === ""
        ? this.#inOrder(sources, filter, order, after, slice)
        : (this.#few(sources, filter, order, after, slice, conditions) ??
          this.#filtered(sources, filter, order, after, slice, conditions));
    const rows: StoreRow[] = [];
    let bytes = 0;
    const names = new Map(sources.map(({ name, sid }) => [name, sid]));
    for (const hit of found.hits) {
      if (rows.length >= slice.limit || (rows.length > 0 && bytes >= slice.maxBytes)) {
        const last = found.hits[rows.length - 1] as Hit;
        return { rows, scanned: this.#upTo(found, names, filter, order, after, last), next: keysetOf(last) };
      }
      const row = this.#row(hit);
      bytes += sizeOf(row) + 100;
      rows.push(row);
    }
    return { rows, scanned: found.scanned, next: found.next };
  }

  versions(source: string, id: string, limit: number, maxBytes: number): { rows: StoreRow[]; more: boolean } {
    const [found] = this.#sources([source]);
    const rows: StoreRow[] = [];
    if (found === undefined) return { rows, more: false };
    const statement = this.#prepare(
      `SELECT ${COLUMNS} FROM record INDEXED BY record_id WHERE sid = $sid AND id = $id
       ORDER BY ingested DESC, partition DESC, offset DESC`,
    );
    let bytes = 0;
    for (const raw of statement.iterate({ sid: found.sid, id })) {
      if (rows.length >= limit || (rows.length > 0 && bytes >= maxBytes)) return { rows, more: true };
      const row = toRow(source, raw);
      bytes += sizeOf(row) + 100;
      rows.push(row);
    }
    return { rows, more: false };
  }

  count(
    filter: StoreFilter,
    { bySource, bucket, time }: CountKey,
    after: Keyset | undefined,
    scan: number,
  ): { counts: CountRow[]; scanned: number; next: Keyset | undefined } {
    const sources = this.#sources(filter.sources);
    this.#where = filter.where;
    // Those without an event time are counted, too, where no bucket is asked for.
    const by =
      bucket !== undefined
        ? time
        : filter.event.from !== undefined || filter.event.to !== undefined
          ? "event"
          : "ingested";
    const order: StoreOrder = { by, descending: false };
    const conditions = conditionsOf(filter, by);
    const { upTo, next } = this.#boundary(sources, filter, order, after, scan);
    const { column, index } = orders[by];
    // Months are put together of days: SQLite takes longer to say which month it is than to count.
    const length = bucket === undefined ? 0 : bucketMs[bucket === "month" ? "day" : bucket];
    const from = length === 0 ? "NULL" : `${column} - ((${column} % ${length}) + ${length}) % ${length}`;
    const hit = conditions.sql === "" ? "count(*)" : `sum(CASE WHEN TRUE ${conditions.sql} THEN 1 ELSE 0 END)`;
    const sums = new Map<string, { source: string; fromMs: number | undefined; count: number }>();
    let scanned = 0;
    for (const source of sources) {
      const range = keyRange(source.name, filter[by], false, after, upTo);
      for (const row of this.#all(
        `SELECT ${from} AS "from", count(*) AS looked, ${hit} AS hits FROM record INDEXED BY ${index}
         WHERE ${rangeSql(column)} GROUP BY 1`,
        { ...parametersOf(source, range), ...conditions.parameters },
      )) {
        scanned += Number(row["looked"]);
        const count = Number(row["hits"] ?? 0);
        if (count === 0) continue;
        const start = row["from"] === null ? undefined : Number(row["from"]);
        const fromMs = bucket === "month" && start !== undefined ? monthOf(start) : start;
        const name = bySource ? source.name : "";
        const key = `${fromMs ?? ""} ${name}`;
        const sum = sums.get(key);
        if (sum === undefined) sums.set(key, { source: name, fromMs, count });
        else sum.count += count;
      }
    }
    // Where the index alone answers, no record is looked at.
    return { counts: [...sums.values()], scanned: conditions.sql === "" ? 0 : scanned, next };
  }

  removals(): StoreRemoval[] {
    return this.#all(
      `SELECT name AS source, partition, before_offset AS beforeOffset, before_ms AS beforeMs FROM removal JOIN source USING (sid)
       WHERE name IS NOT NULL ORDER BY name, partition`,
      {},
    ).map((row) => ({ ...row })) as unknown as StoreRemoval[];
  }

  sizes(): { source: string; records: number }[] {
    return this.#all("SELECT name, records FROM source WHERE name IS NOT NULL ORDER BY name", {}).map((row) => ({
      source: String(row["name"]),
      records: Number(row["records"]),
    }));
  }

  read(source: string, partition: number, fromOffset: number, maxBytes: number): StoreRead {
    const [found] = this.#sources([source]);
    if (found === undefined) return { rows: [], gaps: [], until: undefined, removedBefore: 0 };
    const place = { sid: found.sid, partition, from: fromOffset };
    const rows: StoreRow[] = [];
    let bytes = 0;
    const statement = this.#prepare(
      `SELECT ${COLUMNS} FROM record WHERE sid = $sid AND partition = $partition AND offset >= $from ORDER BY offset`,
    );
    for (const raw of statement.iterate(place)) {
      const row = toRow(source, raw);
      rows.push(row);
      bytes += sizeOf(row) + 100;
      if (bytes >= maxBytes) break;
    }
    const last = bytes >= maxBytes ? (rows.at(-1)?.offset ?? fromOffset) : Number.MAX_SAFE_INTEGER;
    const [position] = this.#all(
      "SELECT topic_id, next_offset FROM position WHERE sid = $sid AND partition = $partition",
      { sid: found.sid, partition },
    );
    const gaps = this.#all(
      `SELECT topic_id AS topicId, from_offset AS fromOffset, to_offset AS toOffset, reason, detail FROM gap
       WHERE sid = $sid AND partition = $partition AND to_offset > $from AND from_offset <= $last ORDER BY from_offset`,
      { ...place, last },
    );
    const [removal] = this.#all("SELECT before_offset FROM removal WHERE sid = $sid AND partition = $partition", place);
    return {
      rows,
      gaps: gaps.map((gap) => ({ ...gap, source, partition })) as unknown as StoreGap[],
      removedBefore: Number(removal?.["before_offset"] ?? 0),
      until: position && {
        topicId: String(position["topic_id"]),
        offset: Math.min(last + 1, Number(position["next_offset"])),
      },
    };
  }

  positions(): StorePosition[] {
    return positionsIn(this.#db);
  }

  close(): void {
    this.#db.close();
  }

  /** Every record of a range is one to give: only the index is looked at. */
  #inOrder(
    sources: readonly Source[],
    filter: StoreFilter,
    order: StoreOrder,
    after: Keyset | undefined,
    { scan, limit }: Slice,
  ): Found {
    const each = Math.max(1, Math.min(limit + 1, Math.floor(scan / sources.length)));
    const lists = sources.map((source) => this.#keys(source, filter, order, after, undefined, each, none));
    // Of a source of which there is more nothing is known behind the last.
    const upTo = nearest(
      lists.flatMap((list) => (list.length < each ? [] : (list.at(-1) ?? []))),
      order,
    );
    const hits = inOrder(lists.flat(), order).filter(
      (hit) => upTo === undefined || sign(order) * compareKeys(hit, upTo) <= 0,
    );
    return { hits, scanned: hits.length, next: upTo === undefined ? undefined : keysetOf(upTo), all: true };
  }

  /** Looks at so many records in the order's index, and gives those of them that pass. */
  #filtered(
    sources: readonly Source[],
    filter: StoreFilter,
    order: StoreOrder,
    after: Keyset | undefined,
    slice: Slice,
    conditions: Conditions,
  ): Found {
    const { upTo, next } = this.#boundary(sources, filter, order, after, slice.scan);
    const hits = sources.flatMap((source) =>
      this.#keys(source, filter, order, after, upTo, slice.limit + 1, conditions),
    );
    const scanned = this.#scanned(sources, filter, order, after, upTo);
    return { hits: inOrder(hits, order), scanned, next, all: false };
  }

  /** Sorts what ids, or the range of the other time, lead to, where that is little; undefined: it is not, or there is neither. */
  #few(
    sources: readonly Source[],
    filter: StoreFilter,
    order: StoreOrder,
    after: Keyset | undefined,
    { scan, limit }: Slice,
    conditions: Conditions,
  ): Found | undefined {
    const other = order.by === "ingested" ? "event" : "ingested";
    const { from, to } = filter[other];
    const byId = filter.ids.length > 0;
    if (!byId && from === undefined && to === undefined) return undefined;
    const index = byId ? "record_id" : orders[other].index;
    const isEvent = !byId && other === "event" ? "AND record.event IS NOT NULL" : "";
    const most = Math.min(scan, MOST_SORTED);
    const own = { ...pick(conditions.parameters, byId ? ["ids"] : ["from", "to"]), most: most + 1 };
    const chosen = byId
      ? "record.id IN (SELECT value FROM json_each($ids))"
      : [
          from === undefined ? "TRUE" : `record.${other} >= $from`,
          to === undefined ? "TRUE" : `record.${other} < $to`,
        ].join(" AND ");
    let candidates = 0;
    for (const { sid } of sources) {
      const [row] = this.#all(
        `SELECT count(*) AS count FROM (SELECT 1 FROM record INDEXED BY ${index} WHERE sid = $sid ${isEvent} AND ${chosen} LIMIT $most)`,
        { ...own, sid },
      );
      candidates += Number(row?.["count"]);
      if (candidates > most) return undefined;
    }
    const hits = sources.flatMap((source) =>
      this.#keys(source, filter, order, after, undefined, limit + 1, conditions, index, isEvent),
    );
    return { hits: inOrder(hits, order), scanned: candidates, next: undefined, all: true };
  }

  #keys(
    source: Source,
    filter: StoreFilter,
    order: StoreOrder,
    after: Keyset | undefined,
    upTo: Keyset | undefined,
    limit: number,
    { sql, parameters }: Conditions,
    index: string = orders[order.by].index,
    more = "",
  ): Hit[] {
    const { column } = orders[order.by];
    const range = keyRange(source.name, filter[order.by], order.descending, after, upTo);
    const direction = order.descending ? "DESC" : "ASC";
    const rows = this.#all(
      `SELECT n, ${column} AS timeMs, partition, offset FROM record INDEXED BY ${index}
       WHERE ${rangeSql(column)} ${more} ${sql}
       ORDER BY ${column} ${direction}, partition ${direction}, offset ${direction} LIMIT $limit`,
      { ...parametersOf(source, range), ...parameters, limit },
    );
    return rows.map((row) => ({
      n: Number(row["n"]),
      timeMs: Number(row["timeMs"]),
      source: source.name,
      partition: Number(row["partition"]),
      offset: Number(row["offset"]),
    }));
  }

  /** A place before which there are at most so many records, by the index alone; both undefined: there are no more than that. */
  #boundary(
    sources: readonly Source[],
    filter: StoreFilter,
    order: StoreOrder,
    after: Keyset | undefined,
    scan: number,
  ): { readonly upTo: Keyset | undefined; readonly next: Keyset | undefined } {
    const each = Math.max(1, Math.floor(scan / Math.max(1, sources.length)));
    const { column, index } = orders[order.by];
    const direction = order.descending ? "DESC" : "ASC";
    const places = sources.flatMap((source): Keyset[] => {
      const range = keyRange(source.name, filter[order.by], order.descending, after, undefined);
      return this.#all(
        `SELECT ${column} AS timeMs, partition, offset FROM record INDEXED BY ${index} WHERE ${rangeSql(column)}
         ORDER BY ${column} ${direction}, partition ${direction}, offset ${direction} LIMIT 1 OFFSET $skip`,
        { ...parametersOf(source, range), skip: each - 1 },
      ).map((row) => ({
        timeMs: Number(row["timeMs"]),
        source: source.name,
        partition: Number(row["partition"]),
        offset: Number(row["offset"]),
      }));
    });
    const upTo = nearest(places, order);
    return { upTo, next: upTo };
  }

  #scanned(
    sources: readonly Source[],
    filter: StoreFilter,
    order: StoreOrder,
    after: Keyset | undefined,
    upTo: Keyset | undefined,
  ): number {
    const { column, index } = orders[order.by];
    return sources.reduce((sum, source) => {
      const range = keyRange(source.name, filter[order.by], order.descending, after, upTo);
      const [row] = this.#all(
        `SELECT count(*) AS count FROM record INDEXED BY ${index} WHERE ${rangeSql(column)}`,
        parametersOf(source, range),
      );
      return sum + Number(row?.["count"]);
    }, 0);
  }

  /** How many were looked at where only the first hits are given. */
  #upTo(
    found: Found,
    sids: ReadonlyMap<string, number>,
    filter: StoreFilter,
    order: StoreOrder,
    after: Keyset | undefined,
    last: Hit,
  ): number {
    if (found.all) return Math.min(found.scanned, found.hits.indexOf(last) + 1);
    return this.#scanned(
      [...sids].map(([name, sid]) => ({ name, sid })),
      filter,
      order,
      after,
      last,
    );
  }

  #row({ n, source }: Hit): StoreRow {
    const row = this.#prepare(`SELECT ${COLUMNS} FROM record WHERE n = ?`).get(n);
    if (row === undefined) throw new Error("a record is gone that was found just now");
    return toRow(source, row);
  }

  /** Those that are asked for and there. */
  #sources(names: readonly string[]): Source[] {
    const wanted = new Set(names);
    return this.#all("SELECT sid, name FROM source WHERE name IS NOT NULL", {})
      .map((row) => ({ sid: Number(row["sid"]), name: String(row["name"]) }))
      .filter(({ name }) => wanted.size === 0 || wanted.has(name));
  }

  #all(sql: string, parameters: Readonly<Record<string, SQLInputValue>>): Record<string, unknown>[] {
    return this.#prepare(sql).all(parameters);
  }

  #prepare(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      if (this.#statements.size >= MOST_STATEMENTS) this.#statements.clear();
      statement = this.#db.prepare(sql);
      statement.setAllowUnknownNamedParameters(true);
      this.#statements.set(sql, statement);
    }
    return statement;
  }
}

interface Found {
  /** In order; one more than the limit where there are more. */
  readonly hits: readonly Hit[];
  readonly scanned: number;
  /** Where to go on when all hits are given. */
  readonly next: Keyset | undefined;
  /** Each of them was found without looking at others in between. */
  readonly all: boolean;
}

const none: Conditions = { sql: "", parameters: {} };
const bucketMs = { minute: 60_000, hour: 3_600_000, day: 86_400_000 } as const;

function monthOf(ms: number): number {
  const date = new Date(ms);
  return new Date(0).setUTCFullYear(date.getUTCFullYear(), date.getUTCMonth(), 1);
}

function rangeSql(column: string): string {
  const isEvent = column === "event" ? "AND record.event IS NOT NULL " : "";
  return `record.sid = $sid ${isEvent}AND (record.${column}, record.partition, record.offset) > ($lowTime, $lowPartition, $lowOffset)
    AND (record.${column}, record.partition, record.offset) < ($highTime, $highPartition, $highOffset)`;
}

function parametersOf({ sid }: Source, { low, high }: KeyRange): Record<string, number> {
  return {
    sid,
    lowTime: low[0],
    lowPartition: low[1],
    lowOffset: low[2],
    highTime: high[0],
    highPartition: high[1],
    highOffset: high[2],
  };
}

function pick(parameters: Conditions["parameters"], names: readonly string[]): Record<string, string | number> {
  return Object.fromEntries(Object.entries(parameters).filter(([name]) => names.includes(name)));
}

function sign({ descending }: StoreOrder): number {
  return descending ? -1 : 1;
}

function inOrder(hits: Hit[], order: StoreOrder): Hit[] {
  return hits.sort((a, b) => sign(order) * compareKeys(a, b));
}

/** The first of some places in the order. */
function nearest<K extends Keyset>(places: readonly K[], order: StoreOrder): K | undefined {
  return places.reduce<K | undefined>(
    (first, place) => (first === undefined || sign(order) * compareKeys(place, first) < 0 ? place : first),
    undefined,
  );
}

function keysetOf({ timeMs, source, partition, offset }: Keyset): Keyset {
  return { timeMs, source, partition, offset };
}

function toRow(source: string, row: Record<string, unknown>): StoreRow {
  const blob = (value: unknown): Buffer | null =>
    value instanceof Uint8Array ? Buffer.from(value.buffer, value.byteOffset, value.byteLength) : null;
  return {
    source,
    partition: Number(row["partition"]),
    offset: Number(row["offset"]),
    id: String(row["id"]),
    ingestedMs: Number(row["ingested"]),
    eventMs: row["event"] === null ? undefined : Number(row["event"]),
    key: blob(row["key"]),
    value: blob(row["value"]),
    isJson: row["json"] === 1,
    headers: blob(row["headers"]) ?? Buffer.alloc(0),
    headerCount: Number(row["header_count"]),
  };
}
