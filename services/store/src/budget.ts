import type { MessageInitShape } from "@bufbuild/protobuf";
import { type StoppedEarlySchema, StoppedReason } from "@apispool/contracts/apispool/v1/record_store_pb.js";

/** The first step of a query looks at few records, so that its first page comes soon. */
const FIRST_SCAN = 1024;
const LARGEST_SCAN = 32 * 1024;

/** What one query may cost, and has cost. Only the database's work counts, not the client's pauses. */
export class Budget {
  readonly #mostScanned: number;
  readonly #mostMs: number;
  #scanned = 0;
  #ms = 0;
  #nextScan = FIRST_SCAN;

  constructor(mostScanned: number, mostMs: number) {
    this.#mostScanned = mostScanned;
    this.#mostMs = mostMs;
  }

  /** How many records the next step may look at. */
  get scan(): number {
    return Math.min(this.#nextScan, Math.max(1, this.#mostScanned - this.#scanned));
  }

  /** Does a step, and takes it into account. */
  async spend<T extends { readonly scanned: number }>(step: (scan: number) => Promise<T>): Promise<T> {
    const begin = performance.now();
    const done = await step(this.scan);
    this.#ms += performance.now() - begin;
    this.#scanned += done.scanned;
    this.#nextScan = Math.min(this.#nextScan * 2, LARGEST_SCAN);
    return done;
  }

  /** Undefined: there is something left. */
  get exhausted(): "scan" | "time" | undefined {
    if (this.#scanned >= this.#mostScanned) return "scan";
    return this.#ms >= this.#mostMs ? "time" : undefined;
  }

  /** For the caller. */
  stopped(reason: "limit" | "scan" | "time", goOn: string): MessageInitShape<typeof StoppedEarlySchema> {
    const narrow = `name sources, a range of the time that is ordered by, or ids; ${goOn}`;
    const details = {
      limit: "as many as were asked for; more may match",
      scan: `looked at ${this.#scanned} records, which is the most for one query (STORE_QUERY_SCAN): ${narrow}`,
      time: `the database worked for ${this.#mostMs} ms, which is the longest for one query (STORE_QUERY_TIME): ${narrow}`,
    };
    return { reason: reasons[reason], scanned: BigInt(this.#scanned), detail: details[reason] };
  }
}

const reasons = {
  limit: StoppedReason.LIMIT,
  scan: StoppedReason.SCAN,
  time: StoppedReason.TIME,
} as const;
