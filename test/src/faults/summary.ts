import type { Checker } from "./checker.js";
import type { Recoveries } from "./rules/progress-rule.js";
import type { Broken } from "./rules/rule.js";

const promises: readonly (readonly [string, readonly Broken[]])[] = [
  ["lost", ["lost", "not received", "never said", "damaged"]],
  ["written twice", ["written twice"]],
  ["out of order, or with a hole in the running numbers", ["out of order", "received out of order", "running numbers"]],
  ["received after its acknowledgement", ["received after its acknowledgement", "received again without cause"]],
  ["untrue gaps", ["gap where nothing is missing"]],
  ["refused for good", ["refused"]],
  ["Start, Stop or GetStatus that cannot be explained", ["not linearizable", "polled after Stop"]],
  ["hangs", ["hang"]],
];

export interface Summarised {
  readonly seed: number;
  readonly tookMs: number;
  readonly checker: Checker;
  readonly faults: number;
}

/** The figures of a run, as Markdown. */
export function summaryOf({ seed, tookMs, checker, faults }: Summarised): string {
  const { findings, log, reading, control, progress } = checker;
  const all: Recoveries = { polled: [], delivered: [] };
  const kinds = [...progress.faults].toSorted(([a], [b]) => (a < b ? -1 : 1));
  const rows = kinds.map(([kind, count]) => {
    const { polled, delivered } = progress.recoveries.get(kind) ?? { polled: [], delivered: [] };
    all.polled.push(...polled);
    all.delivered.push(...delivered);
    return `| ${kind} | ${count} | ${times(polled)} | ${times(delivered)} |`;
  });
  return [
    `Seed ${seed}, ${(tookMs / 60_000).toFixed(1)} minutes, ${faults} faults. ${number(log.records)} records in the log, ${number(progress.polls)} requests to the APIs; ` +
      `${number(reading.deliveries)} records received by eight readers (${number(reading.again)} of them again, where the receipt was not known yet), ` +
      `${number(reading.acknowledgements)} acknowledgements, ${number(reading.gaps)} gaps told, ${number(control.operations)} calls of Start, Stop and GetStatus` +
      `${control.waking === 0 ? "" : ` (${number(control.waking)} requests to an API after its Stop, by a process that had been frozen and had just woken up)`}.`,
    "",
    "| broken promises | count |",
    "| --- | ---: |",
    ...promises.map(
      ([name, broken]) => `| ${name} | ${findings.filter((finding) => broken.includes(finding.broken)).length} |`,
    ),
    ...(progress.stuck === 0
      ? []
      : [
          "",
          `Kafka itself got stuck ${progress.stuck === 1 ? "once" : `${progress.stuck} times`}: its coordinator did not tell some groups' offsets for half a minute, also where nothing lay between, until the broker was started again.`,
        ]),
    "",
    "How long after a fault was healed every source that is started had been polled, and every reader had got an answer, in seconds (p50, p99, longest):",
    "",
    "| fault | count | polled | answered |",
    "| --- | ---: | ---: | ---: |",
    ...rows,
    `| all | ${faults} | ${times(all.polled)} | ${times(all.delivered)} |`,
  ].join("\n");
}

function times(ms: readonly number[]): string {
  if (ms.length === 0) return "–";
  const sorted = ms.toSorted((a, b) => a - b);
  const at = (share: number): string =>
    ((sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0) / 1000).toFixed(1);
  return `${at(0.5)}, ${at(0.99)}, ${at(1)}`;
}

function number(value: number): string {
  return value.toLocaleString("en-US");
}
