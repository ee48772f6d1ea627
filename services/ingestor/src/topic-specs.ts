import { type TopicSpec, compacted, keptForEver } from "@apispool/kafka-log/ensure-topics.js";
import type { Names } from "@apispool/kafka-log/topics.js";
import type { SourceConfig } from "./config/source-config.js";

/** Room beside the largest record for its key and its headers, in bytes. */
const ENVELOPE_BYTES = 1024 * 1024;

/** The topics that all ingestors share. */
export function controlTopics(names: Names): TopicSpec[] {
  return [names.state, names.control, names.status].map((topic) => ({ topic, partitions: 1, config: compacted }));
}

/** The topics of one source. */
export function sourceTopics(names: Names, { name, topic, extract }: SourceConfig): TopicSpec[] {
  const { partitions, retentionMs, replication } = topic;
  const copies = replication === undefined ? {} : { replication };
  const retention = retentionMs === undefined ? keptForEver : { ...keptForEver, "retention.ms": String(retentionMs) };
  const large = { "max.message.bytes": String(extract.maxRecordBytes + ENVELOPE_BYTES) };
  return [
    { topic: names.records(name), partitions, config: { ...retention, ...large }, ...copies },
    { topic: names.deadLetters(name), partitions: 1, config: keptForEver, ...copies },
  ];
}
