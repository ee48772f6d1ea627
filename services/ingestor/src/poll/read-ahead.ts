/** Wakes who waits for something to change. */
class Change {
  readonly #waiting = new Set<() => void>();

  async next(): Promise<void> {
    await new Promise<void>((wake) => this.#waiting.add(wake));
  }

  tell(): void {
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }
}

/**
 * Gives out what has been made so far, all of it at a time; while that is worked on, more is made, until `isEnough` says so
 * of what is ready. What goes wrong ahead is thrown when its turn comes: not before what came first is done. When the
 * reader leaves, `make`'s signal fires, what is ready is dropped, and the reader's loop ends when the maker has.
 */
export async function* readAhead<T>(
  make: (signal: AbortSignal) => AsyncGenerator<T>,
  isEnough: (ready: readonly T[]) => boolean,
  signal: AbortSignal,
): AsyncGenerator<readonly T[]> {
  const unwanted = new AbortController();
  // By hand, and taken off at the end: AbortSignal.any() would tie every poll to a signal that lives for days.
  const abort = (): void => unwanted.abort(signal.reason);
  if (signal.aborted) abort();
  else signal.addEventListener("abort", abort);
  const change = new Change();
  let ready: T[] = [];
  let ended: { readonly failure?: unknown } | undefined;
  const making = (async () => {
    try {
      for await (const made of make(unwanted.signal)) {
        ready.push(made);
        change.tell();
        while (isEnough(ready) && !unwanted.signal.aborted) await change.next();
        unwanted.signal.throwIfAborted();
      }
      ended = {};
    } catch (failure) {
      ended = { failure };
    }
    change.tell();
  })();
  try {
    for (;;) {
      if (ready.length > 0) {
        const taken = ready;
        ready = [];
        change.tell();
        yield taken;
      } else if (ended === undefined) {
        await change.next();
      } else {
        if ("failure" in ended) throw ended.failure;
        return;
      }
    }
  } finally {
    signal.removeEventListener("abort", abort);
    unwanted.abort(new Error("nobody reads on"));
    change.tell();
    await making;
  }
}
