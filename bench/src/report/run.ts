import type { Machine } from "../results.js";
import { type BacklogFigures, backlogSection } from "./backlog-report.js";
import { type IdleFigures, idleSection } from "./idle-report.js";
import { type IngestFigures, ingestSection } from "./ingest-report.js";
import { type LargeFigures, largeSection } from "./large-report.js";
import { type LatencyFigures, latencySection } from "./latency-report.js";
import { type ReadFigures, readSection } from "./read-report.js";
import type { Section } from "./section.js";
import { type StoreFigures, storeSection } from "./store-report.js";
import { type StartUpFigures, startUpSection } from "./start-up-report.js";

/** The parts of a whole run, in their order. */
export const partNames = ["ingest", "read", "latency", "backlog", "idle", "large", "store", "start-up"] as const;
export type PartName = (typeof partNames)[number];

export interface Part {
  /** When it began. */
  readonly at: string;
  readonly seconds: number;
  /** Cores that other work took just before. */
  readonly busyBefore: number;
  readonly args: readonly string[];
  readonly figures?: object;
  readonly problems: readonly string[];
  /** Why there are no figures. */
  readonly failure?: string;
}

/** What the results file of a whole run holds. */
export interface Run {
  readonly bench: "all";
  readonly at: string;
  readonly quick: boolean;
  readonly machine: Machine;
  readonly parts: Readonly<Partial<Record<PartName, Part>>>;
}

const sections: Readonly<Record<PartName, (figures: never) => Section>> = {
  ingest: (figures: IngestFigures) => ingestSection(figures),
  read: (figures: ReadFigures) => readSection(figures),
  latency: (figures: LatencyFigures) => latencySection(figures),
  backlog: (figures: BacklogFigures) => backlogSection(figures),
  idle: (figures: IdleFigures) => idleSection(figures),
  large: (figures: LargeFigures) => largeSection(figures),
  store: (figures: StoreFigures) => storeSection(figures),
  "start-up": (figures: StartUpFigures) => startUpSection(figures),
};

/** What became of each part that gave figures. */
export function sectionsOf(run: Run): ReadonlyMap<PartName, Section> {
  const made = partNames.flatMap((name) => {
    const figures = run.parts[name]?.figures;
    return figures === undefined ? [] : [[name, sections[name](figures as never)] as const];
  });
  return new Map(made);
}
