/** Tells a stream that holds something that somebody else would like to have it. */
export class Wanted {
  #listener: (() => void) | undefined;

  /** Whom to tell; nobody where it is undefined. */
  set listener(listener: (() => void) | undefined) {
    this.#listener = listener;
  }

  ask(): void {
    this.#listener?.();
  }
}
