import type { Span, Tracer } from "@apispool/common/tracing.js";
import { traceparentHeader } from "@apispool/common/tracing.js";
import type { StoredRecord } from "@apispool/kafka-log/stored-record.js";
import { type Mode, type ReaderMetrics, reasonLabel } from "./reader-metrics.js";
import { isRecordTime } from "@apispool/record-codec/timestamp-range.js";
import type { Chunk } from "./unread.js";

/** The most that a span of a hand-over is linked to: a batch may go back to very many polls. */
const MOST_LINKS = 32;
/** The most such spans a second in this process: a backlog has thousands of batches a second. */
const SPANS_PER_SECOND = 20;

/** Tells of what is handed to clients: counts it, and, where a call is traced, links it to the polls that it comes from. */
export class HandOvers {
  readonly #metrics: ReaderMetrics;
  readonly #tracer: Tracer | undefined;
  #second = 0;
  #spans = 0;

  constructor(metrics: ReaderMetrics, tracer?: Tracer) {
    this.#metrics = metrics;
    this.#tracer = tracer;
  }

  /** A fetch begins. */
  begin(mode: Mode, span: Span | undefined): HandOver {
    return new HandOver(
      this.#metrics,
      mode,
      span?.sampled === true ? (chunk, bytes) => this.#trace(chunk, bytes, span) : undefined,
    );
  }

  #trace(chunk: Chunk, bytes: number, call: Span): void {
    const second = Math.floor(performance.now() / 1000);
    if (second !== this.#second) [this.#second, this.#spans] = [second, 0];
    if (this.#spans >= SPANS_PER_SECOND) return;
    const links = originsOf(chunk);
    if (links.size === 0) return;
    this.#spans += 1;
    const records = chunk.runs.reduce((sum, run) => sum + run.records.length, 0);
    const sources = [...new Set(chunk.runs.map(({ source }) => source))].slice(0, 10).join(",");
    this.#tracer
      ?.start("deliver", {
        kind: "consumer",
        parent: call.traceparent,
        links,
        attributes: { "apispool.records": records, "apispool.bytes": bytes, "apispool.sources": sources },
      })
      .end();
  }
}

/** One fetch. */
export class HandOver {
  readonly #metrics: ReaderMetrics;
  readonly #mode: Mode;
  readonly #trace: ((chunk: Chunk, bytes: number) => void) | undefined;
  readonly #begin = performance.now();
  #first = true;

  constructor(metrics: ReaderMetrics, mode: Mode, trace?: (chunk: Chunk, bytes: number) => void) {
    this.#metrics = metrics;
    this.#mode = mode;
    this.#trace = trace;
    metrics.open.inc({ mode });
  }

  /** A batch goes to the client, in so many bytes. */
  batch(chunk: Chunk, bytes: number): void {
    const metrics = this.#metrics;
    const mode = this.#mode;
    if (this.#first) {
      this.#first = false;
      metrics.firstAnswer.observe({ mode }, (performance.now() - this.#begin) / 1000);
    }
    metrics.batches.inc({ mode });
    for (const { reason, fromOffset, toOffset } of chunk.gaps) {
      metrics.gaps.inc({ reason: reasonLabel(reason) });
      metrics.lostOffsets.inc({ reason: reasonLabel(reason) }, Math.max(0, toOffset - fromOffset));
    }
    if (chunk.runs.length === 0) return;
    metrics.bytes.inc(bytes);
    let oldestMs = Number.POSITIVE_INFINITY;
    for (const { source, records } of chunk.runs) {
      metrics.records.inc({ source: metrics.sources.of(source) }, records.length);
      const timestampMs = records[0]?.timestampMs;
      if (timestampMs !== undefined && isRecordTime(timestampMs)) oldestMs = Math.min(oldestMs, timestampMs);
    }
    // Two machines' clocks may differ by a little.
    if (oldestMs !== Number.POSITIVE_INFINITY)
      metrics.latency.observe({ mode }, Math.max(0, Date.now() - oldestMs) / 1000);
    this.#trace?.(chunk, bytes);
  }

  end(): void {
    this.#metrics.open.dec({ mode: this.#mode });
  }
}

/** Where a batch comes from: of each run the first and the last record are looked at, which mostly are one transaction's. */
function originsOf({ runs }: Chunk): Set<string> {
  const origins = new Set<string>();
  for (const { records } of runs) {
    for (const record of [records[0], records.at(-1)]) {
      const origin = record === undefined ? undefined : originOf(record);
      if (origin !== undefined) origins.add(origin);
      if (origins.size >= MOST_LINKS) return origins;
    }
  }
  return origins;
}

function originOf(record: StoredRecord): string | undefined {
  return record.headers.find(([name]) => name === traceparentHeader)?.[1]?.toString("latin1");
}
