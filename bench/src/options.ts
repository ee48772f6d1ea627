import { parseArgs } from "node:util";

/** What reading is measured on; the same names on the command line. */
export interface BenchOptions {
  readonly records: number;
  /** Bytes of each record's value; every size is measured with every number of partitions. */
  readonly bytes: readonly number[];
  readonly partitions: readonly number[];
  /** Every measurement is made so often, in turn with the others; the median counts. */
  readonly rounds: number;
  /** Kafka's port, for a bridge that has to be told it beforehand; 0: any. */
  readonly kafkaPort: number;
  /** The measurements to make, by their keys; empty: all. */
  readonly only: readonly string[];
  /** A folder for CPU profiles of the services; undefined: none are taken, which is what figures are worth. */
  readonly profile: string | undefined;
}

/** Reads a benchmark's options; throws an error for a person where one is wrong. */
export function benchOptions(args: readonly string[]): BenchOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      records: { type: "string", default: "1000000" },
      bytes: { type: "string", default: "500,100" },
      partitions: { type: "string", default: "1,8" },
      rounds: { type: "string", default: "3" },
      "kafka-port": { type: "string", default: "0" },
      only: { type: "string", default: "" },
      profile: { type: "string" },
    },
  });
  type Name = "records" | "bytes" | "partitions" | "rounds" | "kafka-port";
  const whole = (name: Name, text: string = values[name], least = 1): number => {
    const value = Number(text);
    if (!Number.isSafeInteger(value) || value < least)
      throw new Error(`--${name} must be a whole number from ${least}`);
    return value;
  };
  const list = (name: "bytes" | "partitions"): number[] => values[name].split(",").map((text) => whole(name, text));
  return {
    records: whole("records"),
    bytes: list("bytes"),
    partitions: list("partitions"),
    rounds: whole("rounds"),
    kafkaPort: whole("kafka-port", values["kafka-port"], 0),
    only: values.only === "" ? [] : values.only.split(","),
    profile: values.profile,
  };
}
