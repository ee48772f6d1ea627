import { createRequire } from "node:module";
import type { Socket } from "node:net";
import type { ISocketFactory, KafkaConfig, Message, Producer, ProducerConfig, RetryOptions } from "kafkajs";

/*
 * kafkajs is pinned and frozen, and has no public way to read by offset without joining a group. This is the one place
 * that reaches into it; what is used is typed here.
 */

/** Writes Kafka's protocol types; every method returns the encoder. */
export interface Encoder {
  readonly buffer: Buffer;
  writeInt8(value: number): this;
  writeInt16(value: number): this;
  writeInt32(value: number): this;
  writeInt64(value: number | string | bigint): this;
  writeString(value: string | null): this;
  writeBuffer(value: Buffer): this;
}

/** A request with a body of our own making and a decoder of our own for its response. */
export interface ProtocolCall<T> {
  readonly request: {
    readonly apiKey: number;
    readonly apiVersion: number;
    readonly apiName: string;
    readonly encode: () => Promise<Encoder>;
  };
  readonly response: {
    /** Gets the response from behind its correlation id on. */
    readonly decode: (payload: Buffer) => Promise<T & { readonly clientSideThrottleTime?: number }>;
    readonly parse: (decoded: T) => Promise<T>;
  };
  readonly requestTimeout?: number;
  readonly logResponseError?: boolean;
}

interface TopicPartitions<P> {
  readonly topic: string;
  readonly partitions: readonly P[];
}

/** A member of a group, as its leader sees it. */
export interface GroupMemberInfo {
  readonly memberId: string;
  readonly memberMetadata: Buffer;
}

/** What a producer asks a broker to write. */
export interface ProduceOptions {
  readonly acks?: number;
  readonly timeout?: number;
  readonly compression?: number;
  readonly transactionalId?: string | undefined;
  readonly producerId: number | string;
  readonly producerEpoch: number;
  readonly topicData: readonly TopicPartitions<{
    readonly partition: number;
    readonly firstSequence: number;
    readonly messages: readonly Message[];
  }>[];
}

/** One of the two of a broker. */
export interface Connection {
  readonly socket: Socket;
  nextCorrelationId(): number;
  send<T>(call: ProtocolCall<T>): Promise<T>;
}

export interface Broker {
  readonly nodeId: number;
  produce(options: ProduceOptions): Promise<unknown>;
  addPartitionsToTxn(request: object): Promise<unknown>;
  disconnect(): Promise<void>;
  /** Makes the request in the newest version that both sides know. */
  lookupRequest(apiKey: number, versions: unknown): (options: ProduceOptions) => ProtocolCall<unknown>;
  readonly connectionPool: {
    send<T>(call: ProtocolCall<T>): Promise<T>;
    /** Connects it where it is not. */
    getConnectionByRequest(call: { readonly request: { readonly apiKey: number } }): Promise<Connection>;
  };
  offsetFetch(request: { groupId: string; topics: readonly TopicPartitions<{ partition: number }>[] }): Promise<{
    responses: readonly TopicPartitions<{
      partition: number;
      offset: string;
      metadata: string | null;
      errorCode: number;
    }>[];
  }>;
  offsetCommit(request: {
    groupId: string;
    groupGenerationId: number;
    memberId: string;
    retentionTime: number;
    topics: readonly TopicPartitions<{ partition: number; offset: string; metadata: string }>[];
  }): Promise<unknown>;
  listOffsets(request: {
    replicaId: number;
    isolationLevel: number;
    topics: readonly TopicPartitions<{ partition: number; timestamp: number }>[];
  }): Promise<{ responses: readonly TopicPartitions<{ partition: number; offset: string; errorCode: number }>[] }>;
  listGroups(): Promise<{ groups: readonly { groupId: string }[] }>;
  describeGroups(request: {
    groupIds: readonly string[];
  }): Promise<{ groups: readonly { readonly members: readonly GroupMemberInfo[] }[] }>;
  joinGroup(request: {
    groupId: string;
    memberId: string;
    sessionTimeout: number;
    rebalanceTimeout: number;
    protocolType: string;
    groupProtocols: readonly { name: string; metadata: Buffer }[];
  }): Promise<{
    memberId: string;
    leaderId: string;
    generationId: number;
    /** Filled for the leader only. */
    members: readonly GroupMemberInfo[];
  }>;
  syncGroup(request: {
    groupId: string;
    generationId: number;
    memberId: string;
    groupAssignment: readonly { memberId: string; memberAssignment: Buffer }[];
  }): Promise<{ memberAssignment: Buffer }>;
  heartbeat(request: { groupId: string; groupGenerationId: number; memberId: string }): Promise<unknown>;
  leaveGroup(request: { groupId: string; memberId: string }): Promise<unknown>;
  deleteGroups(
    groups: readonly string[],
  ): Promise<{ results: readonly { groupId: string; error?: Error & { readonly type?: string } }[] }>;
}

export interface Cluster {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  refreshMetadata(): Promise<void>;
  getNodeIds(): readonly string[];
  findBroker(node: { nodeId: number | string }): Promise<Broker>;
  findGroupCoordinator(group: { groupId: string; coordinatorType?: number }): Promise<Broker>;
  readonly brokerPool: {
    /** Null where every broker failed: it keeps their errors to itself. */
    withBroker<T>(use: (found: { nodeId: string; broker: Broker }) => Promise<T>): Promise<T | null>;
    readonly metadata?: { readonly topicMetadata: readonly { readonly topic: string }[] } | null;
  };
  addMultipleTargetTopics(topics: readonly string[]): Promise<void>;
}

const require = createRequire(import.meta.url);
const ClusterClass = require("kafkajs/src/cluster") as new (options: object) => Cluster;
const producerOf = require("kafkajs/src/producer") as (options: object) => Producer;
const EncoderClass = require("kafkajs/src/protocol/encoder") as new () => Encoder;
const createSocketFactory = require("kafkajs/src/network/socketFactory") as () => ISocketFactory;
const PRODUCE = 0;
const produceVersions: unknown = require("kafkajs/src/protocol/requests/produce");
const loggerModule = require("kafkajs/src/loggers") as {
  createLogger: (options: { level: number; logCreator: unknown }) => unknown;
};

const ONCE_MORE = { initialRetryTime: 50, maxRetryTime: 200, retries: 1 };

/**
 * Behind each response kafkajs keeps an empty rest, for which it puts the next one, which came whole, together anew: a copy
 * of all that is read.
 */
const connection = (require("kafkajs/src/network/connection") as { prototype: ConnectionInternals }).prototype;
const processData = connection.processData;
connection.processData = function (this: ConnectionInternals, data) {
  if (this.chunks.length === 1 && this.chunks[0]?.length === 0) this.chunks = [];
  processData.call(this, data);
};

interface ConnectionInternals {
  chunks: Buffer[];
  processData: (this: ConnectionInternals, data: Buffer) => void;
}

/** Makes sockets as kafkajs does. */
export const kafkajsSockets: ISocketFactory = createSocketFactory();

function loggerOf(config: KafkaConfig): unknown {
  return loggerModule.createLogger({ level: config.logLevel ?? 1, logCreator: config.logCreator });
}

/** A transactional producer on connections that are not its own. */
export function createProducer(
  config: KafkaConfig,
  options: Required<Pick<ProducerConfig, "transactionalId" | "transactionTimeout" | "createPartitioner" | "retry">> & {
    readonly cluster: Cluster;
  },
): Producer {
  return producerOf({ ...options, logger: loggerOf(config) });
}

/** A cluster's connections as kafkajs keeps them, two sockets a broker. Next to nothing is retried inside: callers do it. */
export function createCluster(config: KafkaConfig, retry: RetryOptions = ONCE_MORE): Cluster {
  return new ClusterClass({
    logger: loggerOf(config),
    socketFactory: config.socketFactory ?? kafkajsSockets,
    brokers: config.brokers,
    ssl: config.ssl,
    sasl: config.sasl,
    clientId: config.clientId,
    connectionTimeout: config.connectionTimeout ?? 1000,
    authenticationTimeout: config.authenticationTimeout ?? 10_000,
    reauthenticationThreshold: config.reauthenticationThreshold ?? 10_000,
    requestTimeout: config.requestTimeout ?? 30_000,
    enforceRequestTimeout: true,
    metadataMaxAge: 300_000,
    allowAutoTopicCreation: false,
    maxInFlightRequests: null,
    isolationLevel: 1,
    retry: { factor: 0.2, multiplier: 2, ...retry },
  });
}

/** The Produce request that kafkajs would send, for its version and its response's decoder. */
export function produceCall(broker: Broker, options: ProduceOptions): ProtocolCall<unknown> {
  return broker.lookupRequest(PRODUCE, produceVersions)(options);
}

export function createEncoder(): Encoder {
  return new EncoderClass();
}
