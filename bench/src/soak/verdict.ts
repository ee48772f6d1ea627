/** A series of one process: points of [seconds, value]. */
export type Series = readonly (readonly [at: number, value: number])[];

/** What may come to be in the time that was looked at, and still is flat: so much, or that share of the median, whichever is more. */
export interface Bound {
  readonly most: number;
  readonly share: number;
}

export interface Verdict {
  readonly median: number;
  /** By the slope, from the end of the warm-up to the end. */
  readonly growth: number;
  readonly allowed: number;
  readonly flat: boolean;
}

/** The Theil–Sen estimate of a slope, the median of those between all pairs: a third of the points may be anything (Sen, 1968). */
export function theilSen(series: Series): number {
  const slopes: number[] = [];
  for (const [i, [at, value]] of series.entries()) {
    for (const [later, then] of series.slice(i + 1)) if (later > at) slopes.push((then - value) / (later - at));
  }
  return middle(slopes);
}

/** Whether what a series grew by after its warm-up is within a bound. A fall is flat, too; a series without values is not. */
export function verdictOn(series: Series, { most, share }: Bound): Verdict {
  const values = series.filter(([, value]) => Number.isFinite(value));
  const median = middle(values.map(([, value]) => value));
  const span = (values.at(-1)?.[0] ?? 0) - (values[0]?.[0] ?? 0);
  const growth = theilSen(values) * span;
  const allowed = Math.max(most, share * median);
  return { median, growth, allowed, flat: growth <= allowed };
}

/** The least of each stretch of so many seconds: of a heap that fills and is emptied what stays. */
export function lows(series: Series, seconds: number): Series {
  const byStretch = new Map<number, number>();
  for (const [at, value] of series) {
    const stretch = Math.floor(at / seconds) * seconds;
    byStretch.set(stretch, Math.min(byStretch.get(stretch) ?? Number.POSITIVE_INFINITY, value));
  }
  return [...byStretch];
}

function middle(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return (
    ((sorted[Math.floor(sorted.length / 2)] ?? Number.NaN) + (sorted[Math.ceil(sorted.length / 2) - 1] ?? Number.NaN)) /
    2
  );
}
