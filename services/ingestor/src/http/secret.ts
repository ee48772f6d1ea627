import type { SecretSource } from "../config/source-config.js";
import { orAborted } from "../deadline.js";
import { PollError } from "../poll-error.js";
import { runSecretCommand } from "./secret-command.js";
import { WatchedFile } from "./watched-file.js";

/** Something secret that may change while the process runs. */
export interface Secret {
  /** Fails with a PollError, or with the signal's reason where it fired. */
  read(signal: AbortSignal): Promise<string>;
  /** The API did not accept this one: whether there is another to try. */
  renew(refused: string, signal: AbortSignal): Promise<boolean>;
}

export function createSecret(source: SecretSource, now: () => number): Secret {
  switch (source.kind) {
    case "value":
      return { read: async () => source.value, renew: async () => false };
    case "file":
      return fileSecret(source.path);
    case "command":
      return new CachedSecret(async () => {
        const value = await runSecretCommand(source.command);
        return { value, renewAt: now() + source.ttlMs };
      }, now);
  }
}

function fileSecret(path: string): Secret {
  const file = new WatchedFile(path, "the secret file", "unauthorized");
  const read = async (): Promise<string> => {
    const text = (await file.read()).toString("utf8").trim();
    if (text === "") throw new PollError(`the secret file ${path} is empty`, { kind: "unauthorized" });
    return text;
  };
  return { read, renew: async (refused) => (await read()) !== refused };
}

export interface FetchedSecret {
  readonly value: string;
  /** When to fetch the next one, in milliseconds since the epoch; infinite: only when it is refused. */
  readonly renewAt: number;
}

/** A secret that costs something to get: kept until it is due or refused, and fetched once for all who wait for it. */
export class CachedSecret implements Secret {
  readonly #fetch: () => Promise<FetchedSecret>;
  readonly #now: () => number;
  #current: FetchedSecret | undefined;
  #fetching: Promise<FetchedSecret> | undefined;

  constructor(fetch: () => Promise<FetchedSecret>, now: () => number) {
    this.#fetch = fetch;
    this.#now = now;
  }

  async read(signal: AbortSignal): Promise<string> {
    if (this.#current !== undefined && this.#now() < this.#current.renewAt) return this.#current.value;
    return (await this.#renewed(signal)).value;
  }

  async renew(refused: string, signal: AbortSignal): Promise<boolean> {
    // Where another request has already renewed it, that one is to be tried first.
    if (this.#current !== undefined && this.#current.value !== refused) return true;
    return (await this.#renewed(signal)).value !== refused;
  }

  async #renewed(signal: AbortSignal): Promise<FetchedSecret> {
    // Whoever stops waiting does not end it for the others.
    this.#fetching ??= this.#fetch()
      .then((fetched) => (this.#current = fetched))
      .finally(() => (this.#fetching = undefined));
    return await orAborted(this.#fetching, signal);
  }
}
