import { ActualState, DesiredState, type SourceStatus } from "@apispool/contracts/apispool/v1/worker_control_pb.js";
import type { Colour, Paint } from "./colours.js";
import { printable, wrap } from "./printable.js";
import { table } from "./table.js";
import { cut, widthOf } from "./text-width.js";
import { fromNow } from "./times.js";

export interface StatusTextOptions {
  readonly paint: Paint;
  readonly now: number;
  /** How wide it may be; undefined: as wide as it gets. */
  readonly columns: number | undefined;
}

const states: Readonly<Record<number, readonly [word: string, colour: Colour]>> = {
  [ActualState.IDLE]: ["idle", "green"],
  [ActualState.POLLING]: ["polling", "green"],
  [ActualState.BACKING_OFF]: ["backing off", "yellow"],
  [ActualState.STOPPED]: ["stopped", "dim"],
  [ActualState.FAILED]: ["failed", "red"],
};

/** How sources stand: a table, each one's trouble below its row; where the terminal is too narrow, a paragraph each. */
export function statusText(sources: readonly SourceStatus[], options: StatusTextOptions): string[] {
  const { paint, columns } = options;
  if (sources.length === 0) return ["there are no sources"];
  const head = ["SOURCE", "STATE", "LAST POLL", "NEXT POLL", "RECORDS"].map((text) => paint("dim", text));
  const rows = table([head, ...sources.map((source) => cells(source, options))], [4]);
  if (columns !== undefined && rows.some((row) => widthOf(row) > columns)) {
    return sources.flatMap((source) => paragraph(source, options));
  }
  const lines = [rows[0] ?? ""];
  for (const [i, source] of sources.entries()) {
    lines.push(rows[i + 1] ?? "", ...trouble(source, options).map((line) => `  ${line}`));
  }
  return lines;
}

function cells(source: SourceStatus, { paint, now }: StatusTextOptions): string[] {
  return [
    paint("bold", printable(source.source)),
    state(source, paint),
    fromNow(source.lastPollAt, now),
    fromNow(source.nextPollAt, now),
    String(source.recordsTotal),
  ];
}

function state({ actualState, desiredState }: SourceStatus, paint: Paint): string {
  const [word, colour] = states[actualState] ?? ["unknown", "yellow"];
  const stopped = actualState === ActualState.STOPPED;
  if (stopped && desiredState === DesiredState.STARTED) return paint("yellow", "starting");
  if (!stopped && actualState !== ActualState.FAILED && desiredState === DesiredState.STOPPED) {
    return paint("yellow", "stopping");
  }
  return paint(colour, word);
}

function trouble({ lastError, consecutiveFailures, deadLettered }: SourceStatus, options: StatusTextOptions): string[] {
  const { paint, columns } = options;
  const width = columns === undefined ? Number.POSITIVE_INFINITY : Math.max(10, columns - 2);
  const texts: [Colour, string][] = [];
  if (lastError !== "") {
    const often = consecutiveFailures > 1 ? `${consecutiveFailures} failures in a row: ` : "";
    texts.push(["red", `${often}${printable(lastError)}`]);
  }
  if (deadLettered > 0n) {
    texts.push(["yellow", `${deadLettered} ${deadLettered === 1n ? "item" : "items"} went to the dead letters`]);
  }
  return texts.flatMap(([colour, text]) => wrap(text, width).map((line) => paint(colour, cut(line, width))));
}

function paragraph(source: SourceStatus, options: StatusTextOptions): string[] {
  const { paint, columns = Number.POSITIVE_INFINITY } = options;
  const [name = "", ...rest] = cells(source, { ...options, paint: (_, text) => text });
  const fields = ["state", "last poll", "next poll", "records"].map((label, i) =>
    cut(`  ${label.padEnd(9)}  ${rest[i]}`, columns),
  );
  return [paint("bold", cut(name, columns)), ...fields, ...trouble(source, options).map((line) => `  ${line}`)];
}
