import { timestampMs } from "@bufbuild/protobuf/wkt";
import type { SeekOffsets, SeekRequest } from "@apispool/contracts/apispool/v1/data_reader_pb.js";
import { type FieldProblem, invalidArgument } from "@apispool/common/errors.js";
import type { LogReader } from "@apispool/kafka-log/log-reader.js";
import type { Catalogue } from "@apispool/kafka-log/catalogue.js";
import { decodeCursor } from "./cursor.js";
import { type Place, keyOf } from "./place.js";
import type { Positions, Start } from "./positions.js";

const ALLOWED = "must be one of earliest, latest, timestamp, offsets, cursor";

export interface SeekerParts {
  readonly log: LogReader;
  readonly positions: Positions;
  readonly catalogue: Catalogue;
}

/** Where a Seek is to go, in every partition that it moves. Throws INVALID_ARGUMENT that names everything that is wrong. */
export async function seekTargets(
  request: SeekRequest,
  reader: string,
  standing: readonly Place[],
  { log, positions, catalogue }: SeekerParts,
  signal: AbortSignal,
): Promise<readonly Place[]> {
  const { to, sources } = request;
  if ((to.case === "offsets" || to.case === "cursor") && sources.length > 0) {
    throw invalidArgument([{ field: "sources", problem: `does not go with ${to.case}, which says it itself` }]);
  }
  switch (to.case) {
    case "earliest":
    case "latest":
      return await at(to.case, catalogue.ofSources(standing, sources), log, signal);
    case "timestamp": {
      const ms = timestampMs(to.value);
      // To Kafka -1 is the end, and -2 the beginning.
      if (ms < 0) throw invalidArgument([{ field: "timestamp", problem: "must not be before 1970" }]);
      return await at({ timestampMs: ms }, catalogue.ofSources(standing, sources), log, signal);
    }
    case "cursor":
      return await positions.resolve(decodeCursor(to.value, reader, "cursor"));
    case "offsets":
      return await explicit(to.value, standing, log, signal);
    default:
      throw invalidArgument([{ field: "to", problem: `is missing; it ${ALLOWED}` }]);
  }
}

async function at(
  start: Start,
  places: readonly Place[],
  log: LogReader,
  signal: AbortSignal,
): Promise<readonly Place[]> {
  const found = new Map((await log.offsetsAt(start, places, signal)).map((place) => [keyOf(place), place.offset]));
  return places.map((place) => ({ ...place, offset: found.get(keyOf(place)) ?? place.offset }));
}

async function explicit(
  { positions }: SeekOffsets,
  standing: readonly Place[],
  log: LogReader,
  signal: AbortSignal,
): Promise<readonly Place[]> {
  if (positions.length === 0)
    throw invalidArgument([{ field: "offsets.positions", problem: "is empty; name one at least" }]);
  const [first, last] = await Promise.all([
    log.offsetsAt("earliest", standing, signal),
    log.offsetsAt("latest", standing, signal),
  ]);
  const from = new Map(first.map((place) => [keyOf(place), place.offset]));
  const to = new Map(last.map((place) => [keyOf(place), place.offset]));
  const problems: FieldProblem[] = [];
  const targets = new Map<string, Place>();
  for (const [i, { source, partition, offset }] of positions.entries()) {
    const field = `offsets.positions[${i}]`;
    const place = standing.find((p) => p.source === source && p.partition === partition);
    if (place === undefined) {
      const known = standing.map((p) => `${p.source}/${p.partition}`).join(", ") || "none yet";
      problems.push({ field, problem: `there is no ${source}/${partition}; known are ${known}` });
      continue;
    }
    const key = keyOf(place);
    const [least = 0, most = 0] = [from.get(key), to.get(key)];
    if (offset < BigInt(least) || offset > BigInt(most)) {
      problems.push({ field: `${field}.offset`, problem: `is ${offset}; Kafka has ${least} to ${most} there` });
    } else if (targets.has(key)) problems.push({ field, problem: `${source}/${partition} is named twice` });
    else targets.set(key, { ...place, offset: Number(offset) });
  }
  if (problems.length > 0) throw invalidArgument(problems);
  return [...targets.values()];
}
