/** A sleep that can be cut short: by its own signal, and by whoever knows that waiting is over. */
export class Alarm {
  readonly #wakeUps = new Set<() => void>();

  /** Resolves after the time (milliseconds), at the next {@link ring}, or when the signal fires. */
  async sleep(ms: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#wakeUps.delete(done);
        signal.removeEventListener("abort", done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      this.#wakeUps.add(done);
      signal.addEventListener("abort", done);
    });
  }

  /** Ends every sleep. */
  ring(): void {
    for (const wakeUp of this.#wakeUps) wakeUp();
  }
}
