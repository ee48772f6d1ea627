const firstMs = 500;
const mostMs = 10_000;

/**
 * How long to wait before a try, in milliseconds: twice as long after each failure, up to 10 s, and by chance between half
 * and all of it, so that many consoles do not come back in the same moment.
 *
 * @param failures How many tries have failed in a row, from 1.
 * @param random From 0, less than 1.
 */
export function backoffMs(failures: number, random: () => number): number {
  const most = Math.min(mostMs, firstMs * 2 ** Math.min(failures - 1, 10));
  return Math.round(most * (0.5 + random() / 2));
}
