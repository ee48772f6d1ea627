import type { StoreFilter } from "../store.js";

/** What is looked at in each record that an index leads to. Every value that a caller gave is a parameter. */
export interface Conditions {
  /** Empty, or beginning with AND. */
  readonly sql: string;
  readonly parameters: Readonly<Record<string, string | number>>;
}

/** The function that evaluates the `where` of a query on a value: {@link Searcher} defines it. */
export const MATCHES = "apispool_matches";

/** All conditions of a filter but the source and the range of the order's own time. */
export function conditionsOf(filter: StoreFilter, orderedBy: "ingested" | "event"): Conditions {
  const parameters: Record<string, string | number> = {};
  const terms: string[] = [];
  const other = orderedBy === "ingested" ? "event" : "ingested";
  const { from, to } = filter[other];
  if (from !== undefined) {
    terms.push(`record.${other} >= $from`);
    parameters["from"] = from;
  }
  if (to !== undefined) {
    terms.push(`record.${other} < $to`);
    parameters["to"] = to;
  }
  if (filter.ids.length > 0) {
    terms.push("record.id IN (SELECT value FROM json_each($ids))");
    parameters["ids"] = JSON.stringify(filter.ids);
  }
  if (filter.where !== undefined) terms.push(`${MATCHES}(CASE WHEN record.json THEN CAST(record.value AS TEXT) END)`);
  if (filter.newestOnly) {
    // A record without an id is a thing of its own.
    terms.push(`(record.id = '' OR NOT EXISTS (
      SELECT 1 FROM record AS later INDEXED BY record_id WHERE later.sid = record.sid AND later.id = record.id
      AND (later.ingested, later.partition, later.offset) > (record.ingested, record.partition, record.offset)))`);
  }
  return { sql: terms.map((term) => ` AND ${term}`).join(""), parameters };
}
