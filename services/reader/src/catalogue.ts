import { Code } from "@connectrpc/connect";
import { rpcError } from "@apispool/common/errors.js";
import type { LogReader } from "@apispool/kafka-log/log-reader.js";
import type { Names } from "@apispool/kafka-log/topics.js";
import type { Place } from "./place.js";

/** One partition of a source's topic. */
export type SourcePartition = Omit<Place, "offset">;

/** What there is to read: the records topics, as the broker has them now. */
export class Catalogue {
  readonly #log: LogReader;
  readonly #names: Names;
  #newest: { readonly at: number; readonly partitions: Promise<readonly SourcePartition[]> } | undefined;

  constructor(log: LogReader, names: Names) {
    this.#log = log;
    this.#names = names;
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

  async #ask(): Promise<readonly SourcePartition[]> {
    const topics = await this.#log.topics(this.#names.recordsPrefix);
    return topics.flatMap(({ name: topic, topicId, partitions }) => {
      const source = this.#names.sourceOf(topic);
      return source === undefined ? [] : partitions.map((partition) => ({ source, topic, topicId, partition }));
    });
  }
}

/** The partitions of the sources named; all where none is. Throws NOT_FOUND / UNKNOWN_SOURCE for a name that is none. */
export function ofSources<P extends { readonly source: string }>(
  partitions: readonly P[],
  sources: readonly string[],
): readonly P[] {
  if (sources.length === 0) return partitions;
  const known = new Set(partitions.map(({ source }) => source));
  const unknown = sources.filter((source) => !known.has(source));
  if (unknown.length > 0) {
    const quoted = (names: Iterable<string>): string => [...names].map((name) => `"${name}"`).join(", ") || "none yet";
    throw rpcError(Code.NotFound, "UNKNOWN_SOURCE", `sources: unknown: ${quoted(unknown)}; known: ${quoted(known)}`, {
      metadata: { unknown: unknown.join(","), known: [...known].join(",") },
    });
  }
  return partitions.filter(({ source }) => sources.includes(source));
}
