import type { Span, Tracer } from "@apispool/common/tracing.js";
import { PollError } from "../poll-error.js";
import type { PartCounts } from "../poll/poll.js";
import type { IngestorMetrics } from "./ingestor-metrics.js";
import { PollTrace } from "./poll-trace.js";

export type PollOutcomeLabel = "news" | "nothing_new" | "not_modified" | "failed" | "stopped" | "outdated" | "fenced";

export interface TelemetryOfAll {
  readonly metrics: IngestorMetrics;
  readonly tracer: Tracer | undefined;
  /** Whether APIs are sent a traceparent. */
  readonly traceUpstream: boolean;
}

/** Tells of one source's polls. */
export class SourceTelemetry {
  readonly #all: TelemetryOfAll;
  readonly #name: string;
  readonly #source: string;

  constructor(all: TelemetryOfAll, name: string) {
    this.#all = all;
    this.#name = name;
    this.#source = all.metrics.sources.of(name);
  }

  /** A poll begins, so many milliseconds after it was due. */
  begin(lateMs: number): ToldPoll {
    const { metrics, tracer, traceUpstream } = this.#all;
    metrics.lateness.set({ source: this.#source }, Math.max(0, lateMs) / 1000);
    const span = tracer?.start(`poll ${this.#name}`, { attributes: { "apispool.source": this.#name } });
    const trace = tracer === undefined || span === undefined ? undefined : new PollTrace(tracer, span, traceUpstream);
    return new ToldPoll(metrics, this.#source, span, trace);
  }
}

/** One poll. */
export class ToldPoll {
  readonly trace: PollTrace | undefined;
  readonly #metrics: IngestorMetrics;
  readonly #source: string;
  readonly #span: Span | undefined;
  readonly #begin = performance.now();
  #written = 0;

  constructor(metrics: IngestorMetrics, source: string, span: Span | undefined, trace: PollTrace | undefined) {
    this.#metrics = metrics;
    this.#source = source;
    this.#span = span;
    this.trace = trace;
  }

  part({ written, bytes, duplicates, deadLetters }: PartCounts): void {
    const source = this.#source;
    this.#written += written;
    if (written > 0) {
      this.#metrics.records.inc({ source }, written);
      this.#metrics.bytes.inc({ source }, bytes);
    }
    if (duplicates > 0) this.#metrics.duplicates.inc({ source }, duplicates);
    if (deadLetters.length > 0) this.#metrics.deadLetters.inc({ source }, deadLetters.length);
  }

  retry(error: PollError): void {
    this.#metrics.retries.inc({ source: this.#source, kind: error.kind });
  }

  /** It is over; `error` where it failed. */
  end(outcome: PollOutcomeLabel, error?: unknown): void {
    const source = this.#source;
    this.#metrics.polls.inc({ source, outcome });
    this.#metrics.duration.observe({ source }, (performance.now() - this.#begin) / 1000);
    const kind = error instanceof PollError ? error.kind : "kafka";
    if (outcome === "failed") this.#metrics.errors.inc({ source, kind });
    if (this.#span === undefined) return;
    this.#span.set({ "apispool.outcome": outcome, "apispool.records": this.#written });
    if (outcome === "failed") this.#span.fail(kind);
    this.#span.end();
  }
}
