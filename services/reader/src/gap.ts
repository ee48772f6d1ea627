import type { GapReason } from "@apispool/contracts/apispool/v1/data_reader_pb.js";

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
