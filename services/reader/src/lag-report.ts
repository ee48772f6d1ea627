import { describeError } from "@apispool/common/errors.js";
import type { Logger } from "@apispool/common/logger.js";
import type { Metrics } from "@apispool/common/metrics.js";
import type { Positions } from "./positions.js";
import type { StandingReport } from "./standing-report.js";

/** An answer that is younger is given again, in milliseconds, however often somebody scrapes. */
const FRESH_MS = 15_000;
/** One that is older is told no more, in milliseconds. */
const STALE_MS = 120_000;
/** How many readers are looked at side by side: no more than a listing by a client may cost. */
const AT_A_TIME = 4;
/** The longest that a scrape waits for it, in milliseconds; what comes later is told by the next one. */
const PATIENCE_MS = 2000;

export interface LagOptions {
  readonly positions: Positions;
  readonly report: StandingReport;
  /** The most readers that are told, the first ones by name. 0: none, and Kafka is not asked. */
  readonly most: number;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

interface Lag {
  readonly reader: string;
  readonly unread: number;
  /** Milliseconds since the Unix epoch; undefined where nothing is unread. */
  readonly oldestMs: number | undefined;
}

/**
 * How far readers are behind, found out when somebody scrapes and never more often than that is worth. Every reader process
 * tells of all readers, whoever serves them: positions are in Kafka, and of a reader that nobody reads for nobody else would tell.
 */
export class LagReport {
  readonly #options: LagOptions;
  #lags: readonly Lag[] = [];
  #readers = 0;
  /** performance.now(); undefined: never. */
  #foundAt: number | undefined;
  #finding: Promise<void> | undefined;

  constructor(options: LagOptions) {
    this.#options = options;
  }

  /** Defines the metrics, unless there are to be none. */
  define(metrics: Metrics): void {
    const options = this.#options;
    if (options.most === 0) return;
    const told = (): readonly Lag[] => {
      const fresh = this.#foundAt !== undefined && performance.now() - this.#foundAt < STALE_MS;
      return fresh ? this.#lags : [];
    };
    metrics.gauge({
      name: "apispool_readers",
      help: "Readers that have a position.",
      collect: async (gauge) => {
        await this.#refresh();
        gauge.set(this.#readers);
      },
    });
    metrics.gauge({
      name: "apispool_readers_untold",
      help: "Readers of which the next two do not tell, because there are more than METRICS_READERS.",
      collect: async (gauge) => {
        await this.#refresh();
        gauge.set(Math.max(0, this.#readers - options.most));
      },
    });
    metrics.gauge({
      name: "apispool_reader_unread_records",
      help: "Records that a reader has not read, over all sources; every reader process tells the same. Up to METRICS_READERS readers, as of 15 s ago at most.",
      labels: ["reader"],
      collect: async (gauge) => {
        await this.#refresh();
        for (const { reader, unread } of told()) gauge.set({ reader }, unread);
      },
    });
    metrics.gauge({
      name: "apispool_reader_oldest_unread_seconds",
      help: "Age of the oldest record that a reader has not read; 0 where it has read everything.",
      labels: ["reader"],
      collect: async (gauge) => {
        await this.#refresh();
        const now = Date.now();
        for (const { reader, oldestMs } of told()) {
          gauge.set({ reader }, oldestMs === undefined ? 0 : Math.max(0, now - oldestMs) / 1000);
        }
      },
    });
  }

  /** Never rejects; returns early where Kafka takes its time. */
  async #refresh(): Promise<void> {
    if (this.#foundAt !== undefined && performance.now() - this.#foundAt < FRESH_MS) return;
    this.#finding ??= this.#find().finally(() => (this.#finding = undefined));
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, PATIENCE_MS)));
    await Promise.race([this.#finding, late]);
    clearTimeout(timer);
  }

  async #find(): Promise<void> {
    const { positions, report, most, logger, signal } = this.#options;
    try {
      const names = await positions.readers(signal);
      const some = names.slice(0, most);
      const lags: Lag[] = [];
      for (let from = 0; from < some.length; from += AT_A_TIME) {
        const found = some.slice(from, from + AT_A_TIME).map(async (reader): Promise<Lag> => {
          const { unread = 0n, oldestUnreadAt } = await report.of(reader, await positions.find(reader, signal), signal);
          return {
            reader,
            unread: Number(unread),
            oldestMs: oldestUnreadAt === undefined ? undefined : msOf(oldestUnreadAt),
          };
        });
        lags.push(...(await Promise.all(found)));
      }
      this.#readers = names.length;
      this.#lags = lags;
      this.#foundAt = performance.now();
    } catch (error) {
      // Of what nobody knows nothing is told; that Kafka is away other metrics say.
      if (!signal.aborted)
        logger.debug({ err: describeError(error) }, "how far readers are behind could not be found out");
      this.#foundAt = performance.now() - FRESH_MS;
      this.#lags = [];
    }
  }
}

function msOf({ seconds = 0n, nanos = 0 }: { seconds?: bigint; nanos?: number }): number {
  return Number(seconds) * 1000 + nanos / 1e6;
}
