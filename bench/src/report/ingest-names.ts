/** What the table of ingestion calls those whom all others are compared with. */
export const ingestNames = {
  kafkajs: "kafkajs from memory, idempotent",
  pages: "Apispool, JSON pages of 1,000",
  lines: "Apispool, one NDJSON answer",
  java: "Kafka's producer-perf tool (Java)",
} as const;
