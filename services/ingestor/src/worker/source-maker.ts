import type { Logger } from "@apispool/common/logger.js";
import type { LogReader } from "@apispool/kafka-log/log-reader.js";
import type { ProducerConnections } from "@apispool/kafka-log/producer-connections.js";
import { toKafkaError } from "@apispool/kafka-log/retry.js";
import type { Names } from "@apispool/kafka-log/topics.js";
import type { SourceConfig } from "../config/source-config.js";
import type { HttpClientDeps } from "../http/create-http-client.js";
import { orAborted } from "../deadline.js";
import type { Made } from "../control/source-entry.js";
import { Children } from "../poll/children.js";
import { poll } from "../poll/poll.js";
import { type SourceParts, createParts } from "../poll/source-parts.js";
import { type Clock, systemClock } from "../schedule/clock.js";
import { eventSource } from "../source-url.js";
import { Limiter } from "../state/limiter.js";
import { SourceLog } from "../state/source-log.js";
import type { Owner } from "../state/source-state.js";
import { StateIndex } from "../state/state-index.js";
import { TopicMap } from "../state/topic-map.js";
import { SourceTelemetry, type TelemetryOfAll } from "../telemetry/source-telemetry.js";
import { trySource } from "../try/try-source.js";
import { type PollSource, Worker } from "./worker.js";

/** So many sources begin at once; more are spread out. */
const AT_ONCE = 20;
/** Becoming the writer of so many sources goes on at a time. */
const AT_A_TIME = 16;
/** Each further source adds so much to the time over which first polls are spread, in milliseconds. */
const SPREAD_MS = 5;

export interface MakerOptions {
  readonly producers: ProducerConnections;
  readonly reader: LogReader;
  readonly names: Names;
  readonly owner: Owner;
  readonly brokers: readonly string[];
  readonly log: Logger;
  readonly clock?: Clock;
  readonly http?: HttpClientDeps;
  readonly telemetry: TelemetryOfAll;
  /** How many sources there are. */
  readonly count: () => number;
  readonly stillOurs: (source: string, signal: AbortSignal) => Promise<boolean>;
  /** Called before every page of every source. */
  readonly checkLease: () => void;
  readonly onChange: (source: string) => void;
}

/** Makes everything that a source needs, and keeps what sources share. */
export class SourceMaker {
  readonly index: StateIndex;
  readonly #options: MakerOptions;
  readonly #topics: TopicMap;
  readonly #fencing = new Limiter(AT_A_TIME);
  readonly #clock: Clock;

  constructor(options: MakerOptions) {
    const { reader, names, clock = systemClock } = options;
    this.#options = options;
    this.#clock = clock;
    this.index = new StateIndex(reader, names.state);
    this.#topics = new TopicMap(reader, names.recordsPrefix);
  }

  make(config: SourceConfig, after: Promise<void>): Made {
    const { brokers, log, stillOurs, checkLease, onChange, count, telemetry } = this.#options;
    const { name, schedule } = config;
    const parts = this.parts(config);
    const intervalMs = schedule.kind === "interval" ? schedule.intervalMs : 0;
    const worker = new Worker(
      {
        config,
        parts,
        openLog: () => this.openLog(config),
        brokers,
        log,
        clock: this.#clock,
        pollSource: this.#pollSource(config),
        onChange: () => onChange(name),
        telemetry: new SourceTelemetry(telemetry, name),
        stillOurs: async (signal) => stillOurs(name, signal),
        checkLease,
        firstDelayMs: () => (count() <= AT_ONCE ? 0 : this.#clock.random() * Math.min(intervalMs, count() * SPREAD_MS)),
      },
      after,
    );
    const shutOut = async (): Promise<void> => {
      const sourceLog = this.openLog(config);
      try {
        await sourceLog.shutOut();
      } finally {
        await sourceLog.settle(true);
      }
    };
    return { worker, shutOut, close: () => parts.http.close() };
  }

  parts(config: SourceConfig): SourceParts {
    return createParts(config, this.#options.http);
  }

  /** Polls once and writes nothing; whether the source runs makes no difference. */
  async try(
    config: SourceConfig,
    limits: { readonly maxPages: number; readonly maxRecords: number; readonly signal: AbortSignal },
  ): Promise<Awaited<ReturnType<typeof trySource>>> {
    const parts = this.parts(config);
    const known = this.openLog(config);
    try {
      await orAborted(known.glance(), limits.signal);
      return await trySource({
        config,
        parts,
        poll: this.#pollSource(config),
        known,
        now: this.#clock.wall,
        ...limits,
      });
    } catch (error) {
      limits.signal.throwIfAborted();
      throw toKafkaError(error, this.#options.brokers);
    } finally {
      parts.http.close();
      await known.settle(true);
    }
  }

  #pollSource({ parent }: SourceConfig): PollSource {
    if (parent === undefined) return poll;
    const { reader, names } = this.#options;
    const topic = names.records(parent.source);
    const partitions = async (): Promise<readonly number[]> => this.#topics.partitions(topic);
    return new Children({ log: reader, topic, parent: parent.source, partitions }).poll;
  }

  openLog(config: SourceConfig): SourceLog {
    const { producers, reader, names, owner, telemetry } = this.#options;
    const { name, dedupWindow, request } = config;
    const source = { name, dedupWindow, origin: eventSource(request.shownUrl) };
    return new SourceLog({
      connections: producers.share(),
      log: reader,
      index: this.index,
      topics: this.#topics,
      fencing: this.#fencing,
      names,
      owner,
      source,
      metrics: telemetry.metrics,
    });
  }
}
