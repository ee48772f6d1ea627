import { randomInt } from "node:crypto";

/**
 * How hard the crash tests are on the ingestor. APISPOOL_CRASH_KILLS=200 is the full form (`npm run test:crash`);
 * APISPOOL_CRASH_SEED repeats a run's random choices.
 */
export const crash = {
  kills: fromEnv("APISPOOL_CRASH_KILLS", 3),
  seed: fromEnv("APISPOOL_CRASH_SEED", randomInt(1, 1_000_000)),
};

/** Of a test that takes seconds for each: a tenth of the kills. */
export const fewer = Math.max(1, Math.round(crash.kills / 10));

function fromEnv(name: string, otherwise: number): number {
  const text = process.env[name] ?? "";
  if (text === "") return otherwise;
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1)
    throw new Error(`${name} is "${text}"; it must be a whole number from 1`);
  return value;
}
