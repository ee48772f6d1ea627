import type { KafkaConfig } from "kafkajs";
import { type Cluster, createCluster, kafkajsSockets } from "./kafkajs-internals.js";
import { OwnSockets } from "./own-sockets.js";
import { isConnectionTrouble, isPassing, toKafkaError, unavailable } from "./retry.js";

const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 500;

interface Connections {
  readonly cluster: Promise<Cluster>;
  readonly sockets: OwnSockets;
}

/**
 * A cluster's connections that mend themselves: an attempt that fails for a reason that passes is made again, with new
 * connections where the old ones are in doubt, until it succeeds, the time is up, or the caller gives up.
 */
export class ClusterHandle {
  readonly #config: KafkaConfig;
  readonly #brokers: readonly string[];
  readonly #retryForMs: number;
  readonly #onTrouble: () => void;
  #connections: Connections | undefined;
  #closed = false;

  /** `onTrouble`: a broker is gone, so what was known of who leads what may be over. */
  constructor(config: KafkaConfig, brokers: readonly string[], retryForMs: number, onTrouble: () => void = () => {}) {
    this.#config = config;
    this.#brokers = brokers;
    this.#retryForMs = retryForMs;
    this.#onTrouble = onTrouble;
  }

  /** Rejects with the signal's reason as soon as it fires; the answer that is still under way is then ignored. */
  async attempt<T>(work: (cluster: Cluster) => Promise<T>, signal?: AbortSignal): Promise<T> {
    const end = Date.now() + this.#retryForMs;
    for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(pause * 2, LONGEST_PAUSE_MS)) {
      signal?.throwIfAborted();
      // What is tried once more would connect anew, for ever.
      if (this.#closed) throw unavailable(this.#brokers, new Error("these connections have been closed"));
      let used: Connections | undefined;
      try {
        used = this.#connected();
        return await orAborted(used.cluster.then(work), signal);
      } catch (error) {
        signal?.throwIfAborted();
        if (isConnectionTrouble(error)) {
          this.#drop(used);
          this.#onTrouble();
        }
        if (!isPassing(error)) throw toKafkaError(error, this.#brokers);
        if (this.#closed || Date.now() + pause > end) throw unavailable(this.#brokers, error);
        await orAborted(new Promise<void>((resolve) => setTimeout(resolve, pause)), signal);
      }
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    const connections = this.#connections;
    this.#connections = undefined;
    await disconnect(connections);
  }

  #connected(): Connections {
    this.#connections ??= connect(this.#config);
    return this.#connections;
  }

  #drop(connections: Connections | undefined): void {
    if (connections === undefined || connections !== this.#connections) return;
    this.#connections = undefined;
    void disconnect(connections);
  }
}

function connect(config: KafkaConfig): Connections {
  const sockets = new OwnSockets(config.socketFactory ?? kafkajsSockets);
  const connecting = async (): Promise<Cluster> => {
    const cluster = createCluster({ ...config, socketFactory: sockets.factory });
    await cluster.connect();
    await cluster.refreshMetadata();
    return cluster;
  };
  return { cluster: connecting(), sockets };
}

async function disconnect(connections: Connections | undefined): Promise<void> {
  try {
    await (await connections?.cluster)?.disconnect();
  } catch {
    // It fails where connecting did.
  } finally {
    connections?.sockets.end();
  }
}

async function orAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return await work;
  let abort: (() => void) | undefined;
  const aborted = new Promise<never>((_resolve, reject) => {
    abort = () => reject(signal.reason as Error);
    signal.addEventListener("abort", abort, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    if (abort !== undefined) signal.removeEventListener("abort", abort);
    work.catch(() => undefined);
    aborted.catch(() => undefined);
  }
}
