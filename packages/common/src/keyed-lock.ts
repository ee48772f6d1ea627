/** Runs work on the same keys one after the other, in the order in which it was asked for. */
export class KeyedLock {
  readonly #tails = new Map<string, Promise<unknown>>();

  /** All keys are taken in one step, so two that ask for several never wait for each other. */
  async run<T>(keys: readonly string[], work: () => Promise<T>): Promise<T> {
    const before = Promise.all(keys.map((key) => this.#tails.get(key) ?? Promise.resolve()));
    const result = before.then(work);
    const tail = result.catch(() => undefined);
    for (const key of keys) this.#tails.set(key, tail);
    try {
      return await result;
    } finally {
      for (const key of keys) if (this.#tails.get(key) === tail) this.#tails.delete(key);
    }
  }
}
