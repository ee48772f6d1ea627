import { Alarm } from "./alarm.js";
import { backoffMs } from "./backoff.js";

export type StreamState =
  /** Asked for; a server that has nothing to say yet says nothing. */
  | { readonly kind: "open" }
  /** Broke off; it is tried again by itself. */
  | { readonly kind: "waiting"; readonly error: unknown; readonly retryAt: number }
  | { readonly kind: "closed" };

export interface KeepOpenOptions<T> {
  /** Begins the stream anew, at the place where it is to go on. */
  readonly open: (signal: AbortSignal) => AsyncIterable<T>;
  readonly onMessage: (message: T) => void;
  readonly onState: (state: StreamState) => void;
  readonly random?: () => number;
  /** Milliseconds since the Unix epoch. */
  readonly now?: () => number;
}

/** A stream that is opened again whenever it ends, for as long as it is wanted. */
export class KeptStream {
  readonly #life = new AbortController();
  readonly #alarm = new Alarm();
  readonly #onState: (state: StreamState) => void;
  #attempt = new AbortController();
  /** Resolves when the stream is closed for good. */
  readonly done: Promise<void>;

  constructor(options: KeepOpenOptions<unknown>) {
    this.#onState = options.onState;
    this.done = this.#run(options);
  }

  static of<T>(options: KeepOpenOptions<T>): KeptStream {
    return new KeptStream(options as KeepOpenOptions<unknown>);
  }

  /** Tries now where it waits. */
  retry(): void {
    this.#alarm.ring();
  }

  /** Gives up a connection that may be dead without having said so, and opens a new one. */
  restart(): void {
    this.#attempt.abort();
    this.retry();
  }

  /** For good, and at once: after it nothing is told any more. */
  close(): void {
    if (this.#life.signal.aborted) return;
    this.#life.abort();
    this.#attempt.abort();
    this.#onState({ kind: "closed" });
  }

  async #run({
    open,
    onMessage,
    onState,
    random = Math.random,
    now = Date.now,
  }: KeepOpenOptions<unknown>): Promise<void> {
    const life = this.#life.signal;
    let failures = 0;
    while (!life.aborted) {
      this.#attempt = new AbortController();
      const { signal } = this.#attempt;
      onState({ kind: "open" });
      let error: unknown;
      try {
        for await (const message of open(signal)) {
          if (signal.aborted) break;
          failures = 0;
          onMessage(message);
        }
      } catch (thrown) {
        error = thrown;
      }
      if (life.aborted) break;
      failures += 1;
      const delay = backoffMs(failures, random);
      onState({ kind: "waiting", error, retryAt: now() + delay });
      await this.#alarm.sleep(delay, life);
    }
  }
}
