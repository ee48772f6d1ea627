/** The names of everything that Apispool keeps in Kafka, from one prefix, so that several can share a cluster. */
export interface Names {
  /** What all of them begin with. */
  readonly prefix: string;
  readonly recordsPrefix: string;
  readonly records: (source: string) => string;
  /** The source that a records topic belongs to; undefined for any other topic. */
  readonly sourceOf: (topic: string) => string | undefined;
  readonly deadLetters: (source: string) => string;
  readonly state: string;
  readonly control: string;
  /** What each source's owner tells the other ingestors. */
  readonly status: string;
  /** The group by which ingestors share the sources. */
  readonly lease: string;
  readonly transactionalId: (source: string) => string;
  /** Always empty: reader processes write beside its committed offset which of them serves a reader. */
  readonly readers: string;
  readonly readerGroupPrefix: string;
  readonly readerGroup: (reader: string) => string;
}

/** The names for a prefix; `apispool` unless configured. */
export function namesFor(prefix: string): Names {
  const recordsPrefix = `${prefix}.records.`;
  const readerGroupPrefix = `${prefix}.reader.`;
  return {
    prefix: `${prefix}.`,
    recordsPrefix,
    records: (source) => recordsPrefix + source,
    sourceOf: (topic) => (topic.startsWith(recordsPrefix) ? topic.slice(recordsPrefix.length) : undefined),
    deadLetters: (source) => `${prefix}.dlq.${source}`,
    state: `${prefix}.state`,
    control: `${prefix}.control`,
    status: `${prefix}.status`,
    lease: `${prefix}.lease`,
    transactionalId: (source) => `${prefix}.ingestor.${source}`,
    readers: `${prefix}.readers`,
    readerGroupPrefix,
    readerGroup: (reader) => readerGroupPrefix + reader,
  };
}

/** Headers of a record: CloudEvents 1.0 Kafka binding (binary mode), and Apispool's own. */
export const recordHeaders = {
  /** The thing's id. */
  id: "ce_id",
  /** The source, as a URI reference. */
  source: "ce_source",
  type: "ce_type",
  specVersion: "ce_specversion",
  /** The event time, RFC 3339. */
  time: "ce_time",
  contentType: "content-type",
  /** The record's running number in its partition, from 1: counts stay true although transactions take offsets. */
  sequence: "apispool-seq",
  /** The content's hash, by which an unchanged record is known. */
  hash: "apispool-hash",
} as const;

/** Headers of a dead letter, beside the id and hash that records have. */
export const deadLetterHeaders = {
  /** Why it could not become a record. */
  reason: "apispool-reason",
  /** Where it was in the API's answer. */
  place: "apispool-place",
  /** How many bytes it had, where only the first of them are kept. */
  fullBytes: "apispool-full-bytes",
} as const;
