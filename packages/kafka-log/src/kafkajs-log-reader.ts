import { Code } from "@connectrpc/connect";
import { rpcError } from "@apispool/common/errors.js";
import { ClusterHandle } from "./cluster-handle.js";
import type { Broker, ProtocolCall } from "./kafkajs-internals.js";
import type {
  CommittedOffset,
  FetchOptions,
  FetchedPartition,
  LogReader,
  PartitionOffset,
  TopicInfo,
  TopicPartition,
} from "./log-reader.js";
import { type PartitionResponse, type TopicMetadata, fetchCall, metadataCall } from "./protocol.js";
import { decodeRecordBatches } from "./record-batch.js";
import { StaleMetadata, kafkaErrors } from "./retry.js";
import { type KafkaSettings, kafkaConfig } from "./settings.js";

export interface LogReaderSettings extends KafkaSettings {
  /** How long a call goes on trying before it says UNAVAILABLE, in milliseconds. */
  readonly retryForMs?: number;
}

const READ_COMMITTED = 1;
const EARLIEST = -2;
const LATEST = -1;
const SIMPLE_CONSUMER_GENERATION = -1;
/** How many times more than was asked for a fetch may become by decompression; what is left over is fetched again. */
const DECOMPRESSED_FACTOR = 8;
/** That much it may be at any rate, in bytes. */
const LEAST_DECOMPRESSED = 4 * 1024 * 1024;

/** Reads Kafka by offset over kafkajs's connections, with our own requests and decoder where it has none that serve. */
export function createLogReader(settings: LogReaderSettings): LogReader {
  return new KafkaJsLogReader(settings);
}

class KafkaJsLogReader implements LogReader {
  readonly #quick: ClusterHandle;
  /** A blocked fetch holds up every other request on its connection, so long polls have connections of their own. */
  readonly #polling: ClusterHandle;
  /** Who leads which partition, `topic/partition` → node id; dropped whenever a leader turns out to have moved. */
  #leaders: ReadonlyMap<string, number> | undefined;

  constructor(settings: LogReaderSettings) {
    const config = kafkaConfig(settings);
    const retryForMs = settings.retryForMs ?? 4000;
    // A broker that cannot be reached leads nothing for long.
    const forgetLeaders = (): void => void (this.#leaders = undefined);
    this.#quick = new ClusterHandle(config, settings.brokers, retryForMs, forgetLeaders);
    this.#polling = new ClusterHandle(config, settings.brokers, retryForMs, forgetLeaders);
  }

  async topics(prefix: string, signal?: AbortSignal): Promise<readonly TopicInfo[]> {
    const topics = await this.#quick.attempt(async (cluster) => this.#metadata(cluster), signal);
    return topics
      .filter((topic) => topic.name.startsWith(prefix) && topic.errorCode === 0)
      .map(({ name, topicId, partitions }) => ({
        name,
        topicId,
        partitions: partitions.map((p) => p.partition).toSorted((a, b) => a - b),
      }))
      .toSorted((a, b) => (a.name < b.name ? -1 : 1));
  }

  async leadersOf(partitions: readonly TopicPartition[], signal?: AbortSignal): Promise<readonly number[]> {
    if (partitions.some((p) => this.#leaders?.has(keyOf(p)) !== true))
      await this.#quick.attempt(async (cluster) => this.#metadata(cluster), signal);
    return partitions.map((p) => this.#leaders?.get(keyOf(p)) ?? -1);
  }

  async fetch(positions: readonly PartitionOffset[], options: FetchOptions): Promise<readonly FetchedPartition[]> {
    if (positions.length === 0) return [];
    const handle = options.maxWaitMs > 0 ? this.#polling : this.#quick;
    const responses = await handle.attempt(async (cluster) => {
      const perBroker = await this.#byLeader(cluster, positions);
      const limits = {
        ...options,
        maxBytes: Math.ceil(options.maxBytes / perBroker.length),
        requestTimeoutMs: options.maxWaitMs + 8000,
      };
      const answers = await Promise.all(
        perBroker.map(async ([broker, wanted]) => broker.connectionPool.send(fetchCall(wanted, limits))),
      );
      const found = new Map(answers.flat().map((answer) => [keyOf(answer), answer]));
      return positions.map((position) => this.#checked(found.get(keyOf(position)), position));
    }, options.signal);
    return await Promise.all(
      responses.map(async (response, i) => {
        const position = positions[i] as PartitionOffset;
        return response.errorCode === kafkaErrors.OFFSET_OUT_OF_RANGE
          ? await this.#outOfRange(position, options.signal)
          : toFetched(response, position, options.maxBytesPerPartition);
      }),
    );
  }

  async offsetsAt(
    at: "earliest" | "latest" | { readonly timestampMs: number },
    partitions: readonly TopicPartition[],
    signal?: AbortSignal,
  ): Promise<readonly PartitionOffset[]> {
    const timestamp = at === "earliest" ? EARLIEST : at === "latest" ? LATEST : Math.max(0, Math.floor(at.timestampMs));
    const found = await this.#listOffsets(timestamp, partitions, signal);
    // No record at or after a time: the place of the next one.
    const missing = found.filter((place) => place.offset < 0);
    if (missing.length === 0) return found;
    const latest = new Map((await this.#listOffsets(LATEST, missing, signal)).map((place) => [keyOf(place), place]));
    return found.map((place) => latest.get(keyOf(place)) ?? place);
  }

  async committed(
    group: string,
    partitions: readonly TopicPartition[],
    signal?: AbortSignal,
  ): Promise<readonly CommittedOffset[]> {
    if (partitions.length === 0) return [];
    const { responses } = await this.#quick.attempt(async (cluster) => {
      const coordinator = await cluster.findGroupCoordinator({ groupId: group });
      return await coordinator.offsetFetch({
        groupId: group,
        topics: byTopic(partitions, ({ partition }) => ({ partition })),
      });
    }, signal);
    return responses.flatMap(({ topic, partitions: found }) =>
      found
        .filter(({ offset }) => Number(offset) >= 0)
        .map(({ partition, offset, metadata }) => ({
          topic,
          partition,
          offset: Number(offset),
          metadata: metadata ?? "",
        })),
    );
  }

  async commit(
    group: string,
    offsets: readonly CommittedOffset[],
    signal?: AbortSignal,
    sendBy = Number.POSITIVE_INFINITY,
  ): Promise<boolean> {
    if (offsets.length === 0) return true;
    return await this.#quick.attempt(async (cluster) => {
      const coordinator = await cluster.findGroupCoordinator({ groupId: group });
      // This process may have been frozen since.
      if (performance.now() > sendBy) return false;
      await coordinator.offsetCommit({
        groupId: group,
        groupGenerationId: SIMPLE_CONSUMER_GENERATION,
        memberId: "",
        retentionTime: -1,
        topics: byTopic(offsets, ({ partition, offset, metadata }) => ({
          partition,
          offset: String(offset),
          metadata,
        })),
      });
      return true;
    }, signal);
  }

  async groups(prefix: string, signal?: AbortSignal): Promise<readonly string[]> {
    const names = await this.#quick.attempt(async (cluster) => {
      const nodes = cluster.getNodeIds();
      const lists = await Promise.all(nodes.map(async (nodeId) => (await cluster.findBroker({ nodeId })).listGroups()));
      return lists.flatMap(({ groups }) => groups.map(({ groupId }) => groupId));
    }, signal);
    return [...new Set(names)].filter((name) => name.startsWith(prefix)).toSorted();
  }

  async deleteGroup(group: string, signal?: AbortSignal): Promise<boolean> {
    return await this.#quick.attempt(async (cluster) => {
      const coordinator = await cluster.findGroupCoordinator({ groupId: group });
      // kafkajs gives each group's error beside its name, and does not throw it.
      const { results } = await coordinator.deleteGroups([group]);
      const error = results[0]?.error;
      if (error === undefined) return true;
      if (error.type === "GROUP_ID_NOT_FOUND") return false;
      throw error;
    }, signal);
  }

  async ping(signal?: AbortSignal): Promise<void> {
    // A list of thousands of topics every other second would be work for nothing.
    await this.#quick.attempt(async (cluster) => askAnyBroker(cluster, metadataCall("no topic")), signal);
  }

  async close(): Promise<void> {
    await Promise.all([this.#quick.close(), this.#polling.close()]);
  }

  async #metadata(cluster: ClusterOf): Promise<readonly TopicMetadata[]> {
    const topics = await askAnyBroker(cluster, metadataCall("all topics"));
    this.#leaders = new Map(
      topics.flatMap(({ name, partitions }) =>
        partitions.map((p) => [keyOf({ topic: name, partition: p.partition }), p.leader]),
      ),
    );
    return topics;
  }

  async #byLeader<P extends TopicPartition>(
    cluster: ClusterOf,
    positions: readonly P[],
  ): Promise<readonly (readonly [Broker, P[]])[]> {
    if (this.#leaders === undefined || positions.some((p) => !this.#leaders?.has(keyOf(p))))
      await this.#metadata(cluster);
    const byNode = new Map<number, P[]>();
    for (const position of positions) {
      const leader = this.#leaders?.get(keyOf(position));
      if (leader === undefined) throw unknownPartition(position);
      if (leader < 0) throw this.#stale(`${keyOf(position)} has no leader at the moment`);
      const list = byNode.get(leader);
      if (list === undefined) byNode.set(leader, [position]);
      else list.push(position);
    }
    return await Promise.all(
      [...byNode].map(async ([nodeId, list]) => [await cluster.findBroker({ nodeId }), list] as const),
    );
  }

  #stale(why: string): StaleMetadata {
    this.#leaders = undefined;
    return new StaleMetadata(why);
  }

  /** Lets through what is an answer, and throws what has to be asked again. */
  #checked(response: PartitionResponse | undefined, position: PartitionOffset): PartitionResponse {
    const code = response?.errorCode;
    if (response !== undefined && (code === 0 || code === kafkaErrors.OFFSET_OUT_OF_RANGE)) return response;
    throw this.#stale(`fetching ${keyOf(position)} failed with Kafka's error code ${code ?? "none"}`);
  }

  async #listOffsets(
    timestamp: number,
    partitions: readonly TopicPartition[],
    signal?: AbortSignal,
  ): Promise<readonly PartitionOffset[]> {
    if (partitions.length === 0) return [];
    return await this.#quick.attempt(async (cluster) => {
      const perBroker = await this.#byLeader(cluster, partitions);
      const found = new Map<string, number>();
      await Promise.all(
        perBroker.map(async ([broker, wanted]) => {
          const topics = byTopic(wanted, ({ partition }) => ({ partition, timestamp }));
          try {
            const { responses } = await broker.listOffsets({ replicaId: -1, isolationLevel: READ_COMMITTED, topics });
            for (const { topic, partitions: answers } of responses) {
              for (const { partition, offset } of answers) found.set(keyOf({ topic, partition }), Number(offset));
            }
          } catch (error) {
            this.#leaders = undefined;
            throw error;
          }
        }),
      );
      return partitions.map(({ topic, partition }) => {
        const offset = found.get(keyOf({ topic, partition }));
        if (offset === undefined) throw this.#stale(`no offset came for ${keyOf({ topic, partition })}`);
        return { topic, partition, offset };
      });
    }, signal);
  }

  async #outOfRange(position: PartitionOffset, signal?: AbortSignal): Promise<FetchedPartition> {
    const [[first], [last]] = await Promise.all([
      this.#listOffsets(EARLIEST, [position], signal),
      this.#listOffsets(LATEST, [position], signal),
    ]);
    const logStartOffset = first?.offset ?? 0;
    const lastStableOffset = last?.offset ?? 0;
    const expired = position.offset < logStartOffset;
    return {
      topic: position.topic,
      partition: position.partition,
      records: [],
      unreadable: [],
      nextOffset: expired ? logStartOffset : lastStableOffset,
      lastStableOffset,
      highWatermark: lastStableOffset,
      logStartOffset,
      outOfRange: expired ? "expired" : "truncated",
    };
  }
}

type ClusterOf = Parameters<Parameters<ClusterHandle["attempt"]>[0]>[0];

/** Asks one broker after the other. kafkajs says nothing where each of them failed; here the last failure counts. */
async function askAnyBroker<T>(cluster: ClusterOf, call: ProtocolCall<T>): Promise<T> {
  let failure: unknown;
  const answer = await cluster.brokerPool.withBroker(async ({ broker }) => {
    try {
      return { value: await broker.connectionPool.send(call) };
    } catch (error) {
      failure = error;
      throw error;
    }
  });
  if (answer === null) throw failure;
  return answer.value;
}

function keyOf({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`;
}

function unknownPartition(position: TopicPartition): Error {
  return rpcError(Code.NotFound, "UNKNOWN_SOURCE", `there is no topic partition ${keyOf(position)} in Kafka`);
}

function byTopic<P extends TopicPartition, Q>(
  partitions: readonly P[],
  map: (p: P) => Q,
): { topic: string; partitions: Q[] }[] {
  const topics = new Map<string, Q[]>();
  for (const p of partitions) {
    const list = topics.get(p.topic);
    if (list === undefined) topics.set(p.topic, [map(p)]);
    else list.push(map(p));
  }
  return [...topics].map(([topic, list]) => ({ topic, partitions: list }));
}

function toFetched(response: PartitionResponse, position: PartitionOffset, asked: number): FetchedPartition {
  const { records, nextOffset, unreadable } = decodeRecordBatches(response.records, position.offset, {
    aborted: response.aborted,
    enoughBytes: Math.max(LEAST_DECOMPRESSED, DECOMPRESSED_FACTOR * asked),
  });
  return {
    topic: position.topic,
    partition: position.partition,
    records,
    unreadable,
    nextOffset,
    lastStableOffset: response.lastStableOffset,
    highWatermark: response.highWatermark,
    logStartOffset: response.logStartOffset,
  };
}
