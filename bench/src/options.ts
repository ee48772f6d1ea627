import { parseArgs } from "node:util";

/** What a benchmark is run on; the same names on the command line. */
export interface BenchOptions {
  readonly records: number;
  /** Bytes of each record's value. */
  readonly bytes: number;
  readonly partitions: number;
  /** Every measurement is made so often, in turn with the others; the median counts. */
  readonly rounds: number;
  /** A folder for CPU profiles of the services; undefined: none are taken, which is what figures are worth. */
  readonly profile: string | undefined;
}

/** Reads a benchmark's options; throws an error for a person where one is wrong. */
export function benchOptions(args: readonly string[]): BenchOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      records: { type: "string", default: "1000000" },
      bytes: { type: "string", default: "500" },
      partitions: { type: "string", default: "1" },
      rounds: { type: "string", default: "3" },
      profile: { type: "string" },
    },
  });
  const whole = (name: "records" | "bytes" | "partitions" | "rounds"): number => {
    const value = Number(values[name]);
    if (!Number.isSafeInteger(value) || value < 1) throw new Error(`--${name} must be a whole number from 1`);
    return value;
  };
  return {
    records: whole("records"),
    bytes: whole("bytes"),
    partitions: whole("partitions"),
    rounds: whole("rounds"),
    profile: values.profile,
  };
}
