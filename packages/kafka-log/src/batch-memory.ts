/** As much as is kept for later, in bytes: a few requests of the size that Kafka takes by default. */
const MOST_KEPT = 4 * 1024 * 1024;
/** What is asked for is rounded up to a multiple of this, so that requests of nearly the same size share memory. */
const STEP = 64 * 1024;
/** Smaller ones come out of Node's own pool. */
const LEAST = 32 * 1024;

/**
 * Memory for record batches, used again and again: new memory for each of them is garbage outside V8's heap, of which it
 * lets a hundred megabytes gather before it looks.
 */
export class BatchMemory {
  readonly #free: Buffer[] = [];
  #freeBytes = 0;

  /** Memory of that length, with whatever was in it. */
  take(bytes: number): Buffer {
    if (bytes < LEAST) return Buffer.allocUnsafe(bytes);
    const index = this.#free.findIndex((free) => free.length >= bytes);
    const [free] = index === -1 ? [] : this.#free.splice(index, 1);
    this.#freeBytes -= free?.length ?? 0;
    return (free ?? Buffer.allocUnsafeSlow(Math.ceil(bytes / STEP) * STEP)).subarray(0, bytes);
  }

  /** Only what nobody reads any more: what is given back twice, or while it is being sent, ends up as others' records. */
  giveBack(taken: Buffer): void {
    if (taken.length < LEAST) return;
    const whole = Buffer.from(taken.buffer);
    if (this.#freeBytes + whole.length > MOST_KEPT) return;
    this.#free.push(whole);
    this.#freeBytes += whole.length;
  }
}
