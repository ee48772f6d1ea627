import { Code } from "@connectrpc/connect";
import { type Db, MongoClient, MongoError, MongoServerError } from "mongodb";
import { describeError, rpcError } from "@apispool/common/errors.js";

export interface MongoSettings {
  /** mongodb:// or mongodb+srv://; the database that it names is used, else `apispool`. */
  readonly url: string;
  /** The most that one step may take on the server, in milliseconds. */
  readonly stepMs?: number;
  /** How long a server is looked for before it counts as away, in milliseconds. */
  readonly connectMs?: number;
}

/** MongoDB's codes for a step that took longer than maxTimeMS. */
const TOOK_TOO_LONG = 50;

/** The driver (7.9.0) hands on as it is what a write to a connection fails with that the server has just ended: EPIPE, from node:net. */
function isOfSocket(error: unknown): error is Error {
  return error instanceof Error && /^(E[A-Z]+|ERR_STREAM_\w+)$/.test(String((error as NodeJS.ErrnoException).code));
}

/** One client, and the way from its errors to ours. It connects by itself, and again whenever the connection is lost. */
export class Connection {
  readonly db: Db;
  /** For every step. */
  readonly maxTimeMS: number;
  readonly #client: MongoClient;
  readonly #where: string;

  constructor({ url, stepMs = 10_000, connectMs = 3000 }: MongoSettings) {
    this.#client = new MongoClient(url, {
      appName: "apispool",
      serverSelectionTimeoutMS: connectMs,
      connectTimeoutMS: connectMs,
      // A server that is frozen answers nothing: a socket is given up well after what a step may take.
      socketTimeoutMS: stepMs + 20_000,
      maxPoolSize: 10,
      ignoreUndefined: true,
      promoteValues: true,
      // The position must not outlive the rows behind it.
      writeConcern: { w: "majority" },
    });
    this.maxTimeMS = stepMs;
    const name = this.#client.options.dbName;
    this.db = this.#client.db(name === "test" && !url.includes("/test") ? "apispool" : name);
    this.#where = this.#client.options.hosts.map(String).join(", ");
  }

  /** Runs something, with what goes wrong told as UNAVAILABLE / STORE_UNAVAILABLE. */
  async run<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    signal?.throwIfAborted();
    try {
      return await work();
    } catch (error) {
      signal?.throwIfAborted();
      if (!(error instanceof MongoError) && !isOfSocket(error)) throw error;
      const why =
        error instanceof MongoServerError && error.code === TOOK_TOO_LONG
          ? `it took longer than ${this.maxTimeMS} ms; a narrower range of times or fewer sources make it quicker`
          : describeError(error);
      throw rpcError(
        Code.Unavailable,
        "STORE_UNAVAILABLE",
        `the database at ${this.#where} cannot be used: ${why}; Kafka has everything that is in it`,
        { cause: error, retryAfterMs: 1000 },
      );
    }
  }

  async close(): Promise<void> {
    await this.#client.close();
  }
}
