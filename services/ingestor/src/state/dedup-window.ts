/**
 * Remembers the newest content of the last so many ids. What is to be written is staged first and becomes known only
 * when its transaction has been committed; a window whose transaction failed is thrown away and built again.
 */
export class DedupWindow {
  readonly #size: number;
  /** Id to content hash; the order is that of last use. */
  readonly #known = new Map<string, string>();
  readonly #staged = new Map<string, string>();

  constructor(size: number) {
    this.#size = size;
  }

  get size(): number {
    return this.#known.size;
  }

  /** Whether this content is new for the id, in the light of what is staged; if so it is staged. */
  stage(id: string, hash: string): boolean {
    const newest = this.#staged.get(id) ?? this.#known.get(id);
    if (newest === hash) {
      // An id that keeps coming must not be forgotten because it never changes.
      if (this.#known.has(id)) this.#touch(id, this.#known.get(id) as string);
      return false;
    }
    this.#staged.set(id, hash);
    return true;
  }

  /** What was staged is not going to be written. */
  rollback(): void {
    this.#staged.clear();
  }

  /**
   * What was staged is in the log. At least `atLeast` ids are kept, so that a page larger than the window is not
   * written again at every poll.
   */
  commit(atLeast = 0): void {
    for (const [id, hash] of this.#staged) this.#touch(id, hash);
    this.#staged.clear();
    const size = Math.max(this.#size, atLeast);
    for (const id of this.#known.keys()) {
      if (this.#known.size <= size) break;
      this.#known.delete(id);
    }
  }

  /** Takes in what is in the log already, oldest first. */
  remember(id: string, hash: string): void {
    this.#touch(id, hash);
    if (this.#known.size > this.#size) {
      for (const oldest of this.#known.keys()) {
        this.#known.delete(oldest);
        break;
      }
    }
  }

  #touch(id: string, hash: string): void {
    this.#known.delete(id);
    this.#known.set(id, hash);
  }
}
