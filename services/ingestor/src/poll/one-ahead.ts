/**
 * Makes one thing ahead: while what came last is worked on, the next one is being made, and no more than that. When the
 * reader leaves, `make`'s signal fires, what was made ahead is dropped, and only when its maker has ended does the
 * reader's loop. What goes wrong ahead is thrown where it would have been given out: not before what came first is done.
 */
export async function* oneAhead<T>(
  make: (signal: AbortSignal) => AsyncGenerator<T>,
  signal: AbortSignal,
): AsyncGenerator<T> {
  const unwanted = new AbortController();
  // By hand, and taken off at the end: AbortSignal.any() would tie every poll to a signal that lives for days.
  const abort = (): void => unwanted.abort(signal.reason);
  if (signal.aborted) abort();
  else signal.addEventListener("abort", abort);
  const made = make(unwanted.signal);
  let next = made.next();
  try {
    for (;;) {
      const { done, value } = await next;
      if (done === true) return;
      next = made.next();
      // Looked at when its turn comes.
      next.catch(() => undefined);
      yield value;
    }
  } finally {
    signal.removeEventListener("abort", abort);
    unwanted.abort(new Error("nobody reads on"));
    await next.catch(() => undefined);
    await made.return(undefined);
  }
}
