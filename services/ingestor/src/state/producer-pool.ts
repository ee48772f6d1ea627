/** What can be disconnected while nobody uses it. */
export interface Resting {
  /** Called only between uses. */
  rest(): void;
}

/**
 * Bounds how many producers are connected, and how many are being connected at a time: a thousand idle sources must not
 * cost a thousand connections, nor a boot a thousand at once.
 */
export class ProducerPool {
  readonly #mostConnected: number;
  readonly #mostConnecting: number;
  /** Those between two uses, least recently used first. */
  readonly #idle = new Set<Resting>();
  readonly #busy = new Set<Resting>();
  readonly #waiting: (() => void)[] = [];
  #connecting = 0;

  constructor({ mostConnected = 128, mostConnecting = 16 } = {}) {
    this.#mostConnected = mostConnected;
    this.#mostConnecting = mostConnecting;
  }

  /** Runs what connects, when it is its turn. */
  async connect<T>(work: () => Promise<T>): Promise<T> {
    if (this.#connecting >= this.#mostConnecting) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#connecting += 1;
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#connecting -= 1;
      else next();
    }
  }

  /** It is in use: it stays connected. */
  begin(user: Resting): void {
    this.#idle.delete(user);
    this.#busy.add(user);
  }

  /** It is not in use for now, and may be disconnected. */
  end(user: Resting): void {
    this.#busy.delete(user);
    this.#idle.delete(user);
    this.#idle.add(user);
    for (const oldest of this.#idle) {
      if (this.#idle.size + this.#busy.size <= this.#mostConnected) break;
      this.#idle.delete(oldest);
      oldest.rest();
    }
  }

  /** It is not connected any more. */
  forget(user: Resting): void {
    this.#busy.delete(user);
    this.#idle.delete(user);
  }
}
