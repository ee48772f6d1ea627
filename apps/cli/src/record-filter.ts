import { type Command, Option } from "@commander-js/extra-typings";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { type RecordFilterSchema, Versions } from "@apispool/contracts/apispool/v1/record_store_pb.js";
import type { Surroundings } from "./surroundings.js";
import { parseTime } from "./places.js";

/** By which time records are chosen, ordered and counted. */
export type By = "ingested" | "event";

export interface RecordFilterOptions {
  readonly id?: string[] | undefined;
  readonly from?: number | undefined;
  readonly to?: number | undefined;
  readonly by: By;
  readonly where?: string | undefined;
  readonly newest?: boolean | undefined;
}

/** The options that say which records. */
export const filterOptions = {
  id: () => new Option("-i, --id <id...>", "only things with one of these ids"),
  from: (around: Surroundings) =>
    new Option("--from <time>", "only from then on: a time, or how long ago (7d)").argParser(parseTime(around.now)),
  to: (around: Surroundings) =>
    new Option("--to <time>", "only before then: a time, or how long ago").argParser(parseTime(around.now)),
  by: () =>
    new Option("--by <time>", "which time is meant: when they were written to Kafka, or when they happened")
      .choices(["ingested", "event"])
      .default("ingested" as const),
  where: () =>
    new Option(
      "-w, --where <condition>",
      "only records whose data this is true of, such as 'mag >= 5' (docs/records.md)",
    ),
  newest: () => new Option("--newest", "only the newest version of each thing"),
};

/** The filter of a request. */
export function recordFilter(
  sources: readonly string[],
  { id: ids = [], from, to, by, where = "", newest }: RecordFilterOptions,
): MessageInitShape<typeof RecordFilterSchema> {
  const range = {
    ...(from === undefined ? {} : { from: timestampFromMs(from) }),
    ...(to === undefined ? {} : { to: timestampFromMs(to) }),
  };
  const isRange = from !== undefined || to !== undefined;
  return {
    sources: [...sources],
    ids,
    where,
    versions: newest === true ? Versions.NEWEST : Versions.ALL,
    ...(isRange ? { [by === "event" ? "eventTime" : "ingestedAt"]: range } : {}),
  };
}

/** Ends a command that wants an end before its beginning. */
export function checkRange(
  command: Pick<Command, "error">,
  { from, to }: { readonly from?: number | undefined; readonly to?: number | undefined },
): void {
  if (from !== undefined && to !== undefined && from >= to) command.error("error: --to is not after --from");
}
