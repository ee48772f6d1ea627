import type { LogRecord } from "@apispool/kafka-log/log-reader.js";

/** A record as the ingestor writes it; `but` says what is different. */
export function ingested(offset: number, but: Partial<LogRecord> = {}): LogRecord {
  const id = `record-${offset}`;
  return {
    offset,
    timestampMs: 1_700_000_000_000 + offset,
    key: Buffer.from(id),
    value: Buffer.from(`{"id":"${id}","note":"größer als ∞ 𝄞"}`),
    headers: headersWith({ ce_id: Buffer.from(id) }),
    ...but,
  };
}

/** The headers that the ingestor writes, with other values for some of them, or none (undefined), and more. */
export function headersWith(but: Readonly<Record<string, Buffer | null | undefined>>): LogRecord["headers"] {
  const all: Record<string, Buffer | null | undefined> = {
    ce_specversion: Buffer.from("1.0"),
    ce_id: Buffer.from("record"),
    ce_source: Buffer.from("http://localhost/things"),
    ce_type: Buffer.from("apispool.record.v1"),
    ce_time: Buffer.from("2026-11-24T12:34:56.789Z"),
    "content-type": Buffer.from("application/json"),
    "apispool-seq": Buffer.from("12"),
    "apispool-hash": Buffer.from("f00".repeat(21)),
    ...but,
  };
  return Object.entries(all).flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const]));
}
