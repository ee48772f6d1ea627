import { performance, type EventLoopUtilization } from "node:perf_hooks";
import prom from "prom-client";

export type { Counter, Gauge, Histogram } from "prom-client";

/** From a millisecond to a minute, in seconds. */
export const latencyBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
/** The same, coarser, for what there may be many of. */
export const coarseBuckets = [0.01, 0.05, 0.1, 0.5, 1, 5, 10, 60];

interface Shape<L extends string> {
  readonly name: string;
  readonly help: string;
  readonly labels?: readonly L[];
}

/** A process's own metrics, and Node's, in OpenMetrics' text. Every service has one: nothing is global. */
export class Metrics {
  readonly #registry = new prom.Registry<prom.OpenMetricsContentType>();

  constructor() {
    this.#registry.setContentType(prom.Registry.OPENMETRICS_CONTENT_TYPE);
  }

  /** `collect` is asked at every scrape: for what is counted elsewhere. */
  counter<L extends string = never>({
    name,
    help,
    labels = [],
    collect,
  }: Shape<L> & { readonly collect?: (counter: prom.Counter<L>) => void }): prom.Counter<L> {
    return new prom.Counter<L>({
      name,
      help,
      labelNames: labels,
      registers: [this.#registry],
      ...(collect === undefined
        ? {}
        : {
            collect() {
              this.reset();
              collect(this);
            },
          }),
    });
  }

  histogram<L extends string = never>({
    name,
    help,
    labels = [],
    buckets = latencyBuckets,
  }: Shape<L> & { readonly buckets?: readonly number[] }): prom.Histogram<L> {
    return new prom.Histogram<L>({
      name,
      help,
      labelNames: labels,
      buckets: [...buckets],
      registers: [this.#registry],
    });
  }

  /** `collect` is asked at every scrape, and before it a gauge with labels forgets what it said. */
  gauge<L extends string = never>({
    name,
    help,
    labels = [],
    collect,
  }: Shape<L> & { readonly collect?: (gauge: prom.Gauge<L>) => void | Promise<void> }): prom.Gauge<L> {
    return new prom.Gauge<L>({
      name,
      help,
      labelNames: labels,
      registers: [this.#registry],
      ...(collect === undefined
        ? {}
        : {
            async collect() {
              if (labels.length > 0) this.reset();
              await collect(this);
            },
          }),
    });
  }

  /** Node's own: event loop, garbage collection, heap, handles. To be called once a process at most. */
  addProcess(): void {
    // A timer of 10 ms, which is the default, would be all that an idle process does.
    prom.collectDefaultMetrics({ register: this.#registry, eventLoopMonitoringPrecision: 100 });
    let before: EventLoopUtilization = performance.eventLoopUtilization();
    this.gauge({
      name: "nodejs_eventloop_utilization_ratio",
      help: "Share of the time since the last scrape in which the event loop was at work, 0 to 1.",
      collect: (gauge) => {
        const now = performance.eventLoopUtilization();
        gauge.set(performance.eventLoopUtilization(now, before).utilization);
        before = now;
      },
    });
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** OpenMetrics 1.0. */
  async text(): Promise<string> {
    return await this.#registry.metrics();
  }

  /** What there is, for the documentation and its tests. */
  describe(): readonly {
    readonly name: string;
    readonly help: string;
    readonly type: string;
    readonly labels: readonly string[];
  }[] {
    return this.#registry.getMetricsAsArray().map((metric) => {
      const { name, help, type, labelNames } = metric as unknown as {
        name: string;
        help: string;
        type: string;
        labelNames: readonly string[];
      };
      return { name, help, type, labels: labelNames };
    });
  }
}

/**
 * Keeps a label from having endlessly many values, each of which is kept for ever: the first ones are taken as they are, all
 * others are "other".
 */
export class BoundedLabel {
  readonly #most: number;
  readonly #known = new Set<string>();

  constructor(most: number) {
    this.#most = most;
  }

  of(value: string): string {
    if (this.#known.has(value)) return value;
    if (this.#known.size >= this.#most) return "other";
    this.#known.add(value);
    return value;
  }
}
