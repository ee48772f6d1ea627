import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { FreshnessSchema } from "@apispool/contracts/apispool/v1/record_store_pb.js";
import { isSayable } from "@apispool/record-codec/timestamp-range.js";
import type { StoreRemoval } from "@apispool/record-store/store.js";
import { type Progress, missingOf } from "./follower.js";

/** How far some partitions are behind Kafka, together, and since when the store has them. */
export function freshnessOf(
  progress: readonly Progress[],
  problem: string,
  removals: readonly StoreRemoval[],
): MessageInitShape<typeof FreshnessSchema> {
  const removedBeforeMs = removals.reduce((latest, { beforeMs }) => Math.max(latest, beforeMs), -Infinity);
  let behind = 0;
  let checkedMs: number | undefined;
  let completeUntilMs: number | undefined;
  for (const one of progress) {
    const missing = missingOf(one);
    behind += missing;
    if (one.checkedMs !== undefined) checkedMs = Math.min(checkedMs ?? one.checkedMs, one.checkedMs);
    // Of a partition of which nothing is known all may be missing.
    if (missing > 0 || one.end === undefined)
      completeUntilMs = Math.min(completeUntilMs ?? Infinity, one.newestMs ?? 0);
  }
  return {
    behind: BigInt(behind),
    ...(completeUntilMs !== undefined && isSayable(completeUntilMs)
      ? { completeUntil: timestampFromMs(completeUntilMs) }
      : {}),
    ...(checkedMs === undefined ? {} : { checkedAt: timestampFromMs(checkedMs) }),
    problem,
    ...(isSayable(removedBeforeMs) ? { removedBefore: timestampFromMs(removedBeforeMs) } : {}),
  };
}
