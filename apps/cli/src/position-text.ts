import type { Position } from "@apispool/contracts/apispool/v1/data_reader_pb.js";
import type { Paint } from "./colours.js";
import { printable } from "./printable.js";
import { table } from "./table.js";

/** Where a reader stands, a partition a row. */
export function positionTable(positions: readonly Position[], paint: Paint): string[] {
  if (positions.length === 0) return ["it stands nowhere yet: there is no partition to stand in"];
  const head = ["SOURCE", "PARTITION", "OFFSET"].map((text) => paint("dim", text));
  const rows = positions.map(({ source, partition, offset }) => [printable(source), String(partition), String(offset)]);
  return table([head, ...rows], [1, 2]);
}
