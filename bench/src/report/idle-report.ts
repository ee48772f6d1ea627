import { linePlot } from "../plot/lines.js";
import { table } from "../table.js";
import { type Goal, holds, under } from "./goal.js";
import { type Section, figure, whole } from "./section.js";

interface Latency {
  readonly p50: number;
  readonly p99: number;
}

export interface IdleFigures {
  readonly options: {
    readonly readers: number;
    readonly streams: number;
    readonly records: number;
    readonly seconds: number;
    readonly bytes: number;
  };
  /** What the reader had before, and what readers and live tails that do nothing took beyond that; MB. */
  readonly before: number;
  readonly readers: number;
  readonly streams: number;
  /** Followers that read everything beside the one that hardly reads. */
  readonly beside: number;
  readonly slow: Latency & {
    readonly took: number;
    /** The reader's memory in the second third of the time, in the last, and how much more that is; MB. */
    readonly middle: number;
    readonly last: number;
    readonly growth: number;
    readonly whole: boolean;
    readonly alone: Latency;
    readonly busyBefore: number;
    /** The reader's memory, each second; MB. */
    readonly samples: readonly number[];
  };
}

/** In MB (issue 5). */
const MOST_FOR_READERS = 50;
/** What the memory may grow by while a follower hardly reads, in MB, from the second third of the time to the last. */
const MOST_GROWTH = 20;

export function idleGoals({ options, readers, slow }: IdleFigures): Goal[] {
  const megabytes = { digits: 0, unit: " MB" };
  return [
    under(`${whole(options.readers)} idle readers`, readers, MOST_FOR_READERS, megabytes),
    under("memory's growth while a follower hardly reads", slow.growth, MOST_GROWTH, megabytes),
    holds(
      "the followers beside one that hardly reads",
      "get every record",
      slow.whole ? "so it was" : "not so",
      slow.whole,
    ),
  ];
}

export function idleSection(figures: IdleFigures): Section {
  const { options, before, readers, streams, beside, slow } = figures;
  const [readersGoal, ...slowGoals] = idleGoals(figures);
  return {
    title: "Readers that do nothing, and one that hardly reads",
    goals: idleGoals(figures),
    notMeasured: [],
    tables: {
      idle: table(
        ["", ""],
        [
          [`${whole(options.readers)} named readers that have read and do nothing`, `${figure(readers, 0)} MB`],
          [`${whole(options.streams)} live tails that are open and get nothing`, `${figure(streams, 0)} MB`],
          [
            `memory while a follower reads ${whole(slow.took)} of ${whole(options.records)} records in ${options.seconds} s: second third of the time`,
            `${figure(slow.middle, 0)} MB`,
          ],
          ["… last third", `${figure(slow.last, 0)} MB`],
          [`the ${beside} others: p50 and p99 from append to receipt`, latency(slow)],
          ["… without the slow one", latency(slow.alone)],
          ["other work before it began", `${figure(slow.busyBefore, 1)} cores`],
        ],
      ),
    },
    summary: [
      {
        what: `${whole(options.readers)} idle readers`,
        figure: `${figure(readers, 0)} MB more`,
        memory: figure(before + readers, 0),
        ...(readersGoal === undefined ? {} : { goals: [readersGoal] }),
      },
      { what: `${whole(options.streams)} idle live tails`, figure: `${figure(streams, 0)} MB more` },
      {
        what: "one follower that hardly reads",
        figure: `${figure(slow.growth, 0)} MB more in the last third`,
        memory: figure(Math.max(...slow.samples), 0),
        goals: slowGoals,
      },
    ],
    plots: {
      idle: linePlot({
        title: `The reader's memory while one follower reads a record a second of ${whole(options.records / options.seconds)}, MB`,
        x: "seconds",
        lines: [{ name: "resident memory", points: slow.samples.map((megabytes, i) => [i, megabytes]) }],
      }),
    },
  };
}

function latency({ p50, p99 }: Latency): string {
  return `${figure(p50, 1)} ms, ${figure(p99, 1)} ms`;
}
