/** Rates are kept for five minutes, in pieces of five seconds. */
export const bucketMs = 5000;
export const bucketCount = 60;

/** What was written in one piece of time; undefined where the console did not look. */
export type Bucket = number | undefined;

/** Records written over the last minutes: counts per piece of time, the newest last. */
export class Throughput {
  #buckets: Bucket[] = [];
  /** The number of the newest piece, counted from the Unix epoch. */
  #head = 0;
  readonly #totals = new Map<string, bigint>();
  readonly #sources = new Map<string, Bucket[]>();

  /**
   * Takes a source's counter of all records ever written. The first one, and one that is lower than before (the topic
   * was made anew), are where counting begins.
   */
  take(source: string, total: bigint, now: number): void {
    this.advance(now, true);
    const before = this.#totals.get(source);
    this.#totals.set(source, total);
    const written = before === undefined || total < before ? 0 : Number(total - before);
    this.#add(this.#buckets, written);
    this.#add(this.#of(source), written);
  }

  /** Lets time pass. While nobody looked, nothing is known, and what is found afterwards is not taken for that moment's. */
  advance(now: number, looking: boolean): void {
    const head = Math.floor(now / bucketMs);
    const steps = this.#head === 0 ? bucketCount : Math.min(bucketCount, head - this.#head);
    if (steps <= 0) return;
    const empty = this.#head !== 0 && looking ? 0 : undefined;
    for (const buckets of [this.#buckets, ...this.#sources.values()]) {
      for (let i = 0; i < steps; i += 1) buckets.push(empty);
      buckets.splice(0, buckets.length - bucketCount);
    }
    this.#head = head;
  }

  /** The connection broke: counting begins anew with the next counters. */
  interrupt(): void {
    this.#totals.clear();
  }

  /** Of all sources, or of one; the newest last. */
  buckets(source?: string): readonly Bucket[] {
    return [...(source === undefined ? this.#buckets : this.#of(source))];
  }

  #of(source: string): Bucket[] {
    let buckets = this.#sources.get(source);
    if (buckets === undefined) {
      buckets = Array.from({ length: this.#buckets.length }, () => undefined);
      this.#sources.set(source, buckets);
    }
    return buckets;
  }

  #add(buckets: Bucket[], written: number): void {
    const last = buckets.length - 1;
    if (last >= 0) buckets[last] = (buckets[last] ?? 0) + written;
  }
}

/** Records a second: over the last half minute, on average, and at most. */
export interface Rates {
  readonly now: number;
  readonly mean: number;
  readonly peak: number;
  /** For how long it was looked at, in milliseconds. */
  readonly knownMs: number;
}

export function ratesOf(buckets: readonly Bucket[]): Rates {
  const known = (some: readonly Bucket[]): number[] => some.filter((bucket) => bucket !== undefined);
  const perSecond = (some: readonly number[]): number =>
    some.length === 0 ? 0 : (sum(some) / some.length / bucketMs) * 1000;
  const all = known(buckets);
  return {
    now: perSecond(known(buckets.slice(-6))),
    mean: perSecond(all),
    peak: (Math.max(0, ...all) / bucketMs) * 1000,
    knownMs: all.length * bucketMs,
  };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** The least of 1, 2, 5, 10, 20, 50 … that is no less than the value: where an axis ends. */
export function niceCeiling(value: number): number {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  const step = [1, 2, 5, 10].find((factor) => factor * power >= value * (1 - 1e-9)) ?? 10;
  return step * power;
}
