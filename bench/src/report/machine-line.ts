import { median } from "../results.js";
import type { Run } from "./run.js";

/** Where and when it was measured, and what else the machine did. */
export function machineLine({ machine, parts }: Run): string {
  const all = Object.values(parts);
  const days = [...new Set(all.map(({ at }) => at.slice(0, 10)))].toSorted();
  const busy = all.map(({ busyBefore }) => busyBefore).filter((cores) => Number.isFinite(cores));
  const minutes = all.reduce((sum, { seconds }) => sum + seconds, 0) / 60;
  return (
    `Measured ${days.join(" and ")} in ${minutes.toFixed(0)} minutes on ${machine.cores} cores (${machine.cpu}), ${machine.memory} GB, ` +
    `Node ${machine.node}. Before each part other work took ${median(busy).toFixed(1)} cores at the median, ${Math.max(...busy).toFixed(1)} at most.`
  );
}
