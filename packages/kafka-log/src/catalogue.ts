import { Code } from "@connectrpc/connect";
import { rpcError } from "@apispool/common/errors.js";
import type { LogReader, TopicPartition } from "./log-reader.js";
import type { Logger } from "@apispool/common/logger.js";
import type { Names } from "./topics.js";
import { type ForeignTopic, sourceTopics } from "./foreign-topics.js";

/** One partition of a source's topic. */
export interface SourcePartition extends TopicPartition {
  readonly source: string;
  /** The topic id (KIP-516): another one means that the topic was deleted and made again. */
  readonly topicId: string;
}

/** What there is to read: the records topics, and those of others that were named, as the broker has them now. */
export class Catalogue {
  readonly #log: LogReader;
  readonly #names: Names;
  readonly #foreign: readonly ForeignTopic[];
  readonly #logger: Logger;
  /** Why sources that were named cannot be read. */
  #missing: ReadonlyMap<string, string> = new Map();
  #newest: { readonly at: number; readonly partitions: Promise<readonly SourcePartition[]> } | undefined;

  constructor(log: LogReader, names: Names, foreign: readonly ForeignTopic[], logger: Logger) {
    this.#log = log;
    this.#names = names;
    this.#foreign = foreign;
    this.#logger = logger;
  }

  /** Every partition of every source. An answer no older than `maxAgeMs` is given again instead of asking. */
  async partitions(maxAgeMs = 0): Promise<readonly SourcePartition[]> {
    const known = this.#newest;
    if (known !== undefined && maxAgeMs > 0 && performance.now() - known.at <= maxAgeMs) return await known.partitions;
    const asked = { at: performance.now(), partitions: this.#ask() };
    this.#newest = asked;
    try {
      return await asked.partitions;
    } catch (error) {
      if (this.#newest === asked) this.#newest = undefined;
      throw error;
    }
  }

  /** Those of the sources named; all where none is. Throws NOT_FOUND / UNKNOWN_SOURCE for a name that is none. */
  ofSources<P extends { readonly source: string }>(partitions: readonly P[], sources: readonly string[]): readonly P[] {
    if (sources.length === 0) return partitions;
    const known = new Set(partitions.map(({ source }) => source));
    const unknown = sources.filter((source) => !known.has(source));
    if (unknown.length === 0) return partitions.filter(({ source }) => sources.includes(source));
    const quoted = (names: Iterable<string>): string => [...names].map((name) => `"${name}"`).join(", ") || "none yet";
    const why = unknown.flatMap((source) => {
      const reason = this.#missing.get(source);
      return reason === undefined ? [] : [`; "${source}": ${reason}`];
    });
    throw rpcError(
      Code.NotFound,
      "UNKNOWN_SOURCE",
      `sources: unknown: ${quoted(unknown)}; known: ${quoted(known)}${why.join("")}`,
      { metadata: { unknown: unknown.join(","), known: [...known].join(",") } },
    );
  }

  async #ask(): Promise<readonly SourcePartition[]> {
    const all = await this.#log.topics(this.#foreign.length === 0 ? this.#names.recordsPrefix : "");
    const { topics, missing } = sourceTopics(all, this.#names, this.#foreign);
    this.#tell(missing);
    return topics.flatMap(({ source, name: topic, topicId, partitions }) =>
      partitions.map((partition) => ({ source, topic, topicId, partition })),
    );
  }

  /** Says once what cannot be read, and when it can. */
  #tell(missing: ReadonlyMap<string, string>): void {
    const before = this.#missing;
    this.#missing = missing;
    for (const [source, why] of missing) {
      if (before.get(source) !== why) this.#logger.warn({ source }, `the source "${source}" cannot be read: ${why}`);
    }
    for (const source of before.keys()) {
      if (!missing.has(source)) this.#logger.info({ source }, `the source "${source}" can be read now`);
    }
  }
}
