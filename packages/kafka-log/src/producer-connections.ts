import { Partitioners, type Producer } from "kafkajs";
import { type Cluster, createCluster, createProducer } from "./kafkajs-internals.js";
import { quick } from "./quick-broker.js";
import { isConnectionTrouble } from "./retry.js";
import { type KafkaSettings, kafkaConfig } from "./settings.js";

/** Quick, because a transaction that follows another one is refused for the milliseconds that its end takes. */
const RETRY = { initialRetryTime: 5, maxRetryTime: 200, retries: 8 } as const;
const CONNECTIONS = 8;

/** Connections that several producers share. */
export interface SharedConnections {
  /** A producer whose `disconnect` leaves the connections to the others. */
  producer(options: { readonly transactionalId: string; readonly transactionTimeout: number }): Producer;
  /** What a producer was thrown away for; where the connections are in doubt, new ones are made. */
  failed(producer: Producer, error: unknown): void;
}

/**
 * Producers on few connections. kafkajs gives every producer its own, and has each read what all the topics of the cluster
 * are: a thousand sources would be two thousand connections and as many lists of two thousand topics.
 */
export class ProducerConnections {
  readonly #settings: KafkaSettings;
  readonly #slots: Slot[] = [];
  #given = 0;

  constructor(settings: KafkaSettings) {
    this.#settings = settings;
  }

  /** Connections for one source; several have the same. Nothing is connected yet. */
  share(): SharedConnections {
    const index = this.#given % CONNECTIONS;
    this.#given += 1;
    return (this.#slots[index] ??= new Slot(this.#settings));
  }

  async close(): Promise<void> {
    await Promise.all(this.#slots.map(async (slot) => slot.close()));
  }
}

class Slot implements SharedConnections {
  readonly #settings: KafkaSettings;
  #cluster: Cluster | undefined;
  readonly #clusterOf = new WeakMap<Producer, Cluster>();

  constructor(settings: KafkaSettings) {
    this.#settings = settings;
  }

  producer(options: { readonly transactionalId: string; readonly transactionTimeout: number }): Producer {
    const config = kafkaConfig(this.#settings);
    const cluster = (this.#cluster ??= createCluster(config, RETRY));
    const producer = createProducer(config, {
      ...options,
      cluster: shared(cluster),
      createPartitioner: Partitioners.DefaultPartitioner,
      retry: RETRY,
    });
    this.#clusterOf.set(producer, cluster);
    return producer;
  }

  failed(producer: Producer, error: unknown): void {
    const cluster = this.#clusterOf.get(producer);
    if (cluster === undefined || cluster !== this.#cluster || !inDoubt(error)) return;
    this.#cluster = undefined;
    void cluster.disconnect().catch(() => undefined);
  }

  async close(): Promise<void> {
    const cluster = this.#cluster;
    this.#cluster = undefined;
    await cluster?.disconnect().catch(() => undefined);
  }
}

/** What Kafka refused says nothing against the connection that it did it on. */
function inDoubt(error: unknown): boolean {
  for (let at = error, depth = 0; typeof at === "object" && at !== null && depth < 10; depth += 1) {
    const { type, cause } = at as { type?: unknown; cause?: unknown };
    if (typeof type === "string") return isConnectionTrouble(error);
    at = cause;
  }
  return true;
}

/**
 * A cluster as a producer gets it: it cannot disconnect the others, and does not narrow what is known of topics to those
 * that it writes to, which would have to be asked for again with each new one.
 */
function shared(cluster: Cluster): Cluster {
  const own: Pick<Cluster, "disconnect" | "addMultipleTargetTopics" | "findBroker" | "findGroupCoordinator"> = {
    findBroker: async (node) => quick(await cluster.findBroker(node)),
    findGroupCoordinator: async (group) => quick(await cluster.findGroupCoordinator(group)),
    disconnect: async () => Promise.resolve(),
    async addMultipleTargetTopics(topics) {
      const known = cluster.brokerPool.metadata?.topicMetadata.map(({ topic }) => topic) ?? [];
      const names = new Set(known);
      if (topics.some((topic) => !names.has(topic))) await cluster.refreshMetadata();
    },
  };
  return Object.assign(Object.create(cluster) as Cluster, own);
}
