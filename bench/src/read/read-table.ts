import { median } from "../results.js";
import { table } from "../table.js";

/** What a measurement gave in one round. */
export interface Sample {
  readonly records: number;
  readonly seconds: number;
  /** Seconds of processor time that each service took for it. */
  readonly cpu: Readonly<Record<string, number>>;
  /** The most memory that each process had had by its end, in MB. */
  readonly memory: Readonly<Record<string, number>>;
}

export interface Row {
  readonly key: string;
  readonly name: string;
  readonly ours: boolean;
  readonly rounds: Sample[];
}

/** Records a second, the median of the rounds; NaN of none. */
export function rateOf(rounds: readonly Sample[]): number {
  return median(rounds.map(({ records, seconds }) => records / seconds));
}

/** The rows as a Markdown table, as ratios to the peers' rates first. */
export function readTable(rows: readonly Row[], bytes: number): string {
  const rateOfKey = (key: string): number => rateOf(rows.find((row) => row.key === key)?.rounds ?? []);
  const figure = (value: number, digits: number): string => (Number.isNaN(value) ? "–" : value.toFixed(digits));
  const lines = rows.map(({ name, ours, rounds }) => {
    const rate = rateOf(rounds);
    const cpu = (process: string): string =>
      ours ? figure(median(rounds.map((round) => round.cpu[process] ?? Number.NaN)), 2) : "–";
    const peak = (process: string): number => rounds.at(-1)?.memory[process] ?? Number.NaN;
    return [
      name,
      figure(rate / rateOfKey("java"), 2),
      figure(rate / rateOfKey("kafkajs"), 2),
      Math.round(rate).toLocaleString("en"),
      ((rate * bytes) / 1e6).toFixed(0),
      `${cpu("reader")} / ${cpu("gateway")}`,
      ours ? `${figure(peak("reader"), 0)} / ${figure(peak("gateway"), 0)}` : figure(peak("itself"), 0),
    ];
  });
  const head = [
    "",
    "× Java",
    "× kafkajs",
    "records/s",
    "MB/s",
    "CPU, s: reader / gateway",
    "peak, MB: reader / gateway",
  ];
  return table(head, lines);
}
