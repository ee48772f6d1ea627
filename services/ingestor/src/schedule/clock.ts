/** Where times come from; tests have their own. */
export interface Clock {
  /** Milliseconds since the Unix epoch; may jump. */
  readonly wall: () => number;
  /** Milliseconds that only go forward. */
  readonly mono: () => number;
  /** From 0 to 1. */
  readonly random: () => number;
}

export const systemClock: Clock = {
  wall: () => Date.now(),
  mono: () => performance.now(),
  random: () => Math.random(),
};
