import { GapReason } from "@apispool/contracts/apispool/v1/data_reader_pb.js";

/** Offsets that a reader has not read and never can. */
export interface Gap {
  readonly source: string;
  readonly partition: number;
  readonly fromOffset: number;
  /** Exclusive. */
  readonly toOffset: number;
  readonly reason: GapReason;
  /** For a person. */
  readonly detail: string;
}

/** The topic was deleted and made again since somebody stood at a place in it. */
export function recreatedGap({
  source,
  partition,
  offset,
}: Pick<Gap, "source" | "partition"> & { offset: number }): Gap {
  return {
    source,
    partition,
    fromOffset: offset,
    toOffset: offset,
    reason: GapReason.TOPIC_RECREATED,
    detail: `the topic was deleted and made again; what was not read of the old one, from offset ${offset} on, is gone, and the new one is read from its beginning`,
  };
}
