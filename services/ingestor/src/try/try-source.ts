import type { MessageInitShape } from "@bufbuild/protobuf";
import type { TrySourceResponseSchema } from "@apispool/contracts/apispool/v1/worker_control_pb.js";
import { describeError } from "@apispool/common/errors.js";
import type { SourceConfig } from "../config/source-config.js";
import type { HttpClient, HttpRequest, HttpResponse } from "../http/http-client.js";
import { PollError } from "../poll-error.js";
import type { PollOptions, PollOutcome } from "../poll/poll.js";
import type { SourceParts } from "../poll/source-parts.js";
import { displayUrl } from "../source-url.js";
import type { Known } from "./dry-sink.js";
import { DrySink } from "./dry-sink.js";

/** Of a dead letter's bytes, so many are shown. */
const MOST_RAW_BYTES = 4096;
const MOST_REQUESTS = 1000;
export const DEFAULT_RECORDS = 100;

export interface TryOptions {
  readonly config: SourceConfig;
  readonly parts: SourceParts;
  readonly poll: (options: PollOptions) => Promise<PollOutcome>;
  /** Where the source stands; undefined: at its very beginning. */
  readonly known: Known | undefined;
  readonly maxPages: number;
  readonly maxRecords: number;
  readonly signal: AbortSignal;
  readonly now: () => number;
}

type Tried = MessageInitShape<typeof TrySourceResponseSchema>;

/**
 * Polls once, for nothing but to tell what would come of it. What goes wrong with the API is told too; only the signal's
 * reason is thrown. Requests are not repeated: whoever tries wants to see the failure, now.
 */
export async function trySource(options: TryOptions): Promise<Tried> {
  const { config, parts, poll, known, maxPages, maxRecords, signal, now } = options;
  const asked: { method: string; url: string; status: number }[] = [];
  const sink = new DrySink(known, maxRecords);
  let pages = 0;
  let outcome: PollOutcome | undefined;
  let error = "";
  try {
    outcome = await poll({
      config: { ...config, retry: { ...config.retry, maxAttempts: 1 } },
      parts: { ...parts, http: new ListeningClient(parts.http, asked) },
      sink,
      signal,
      now,
      maxPages,
      events: { onPage: () => (pages += 1) },
    });
  } catch (thrown) {
    signal.throwIfAborted();
    error = thrown instanceof PollError ? thrown.message : describeError(thrown);
  }
  const { records, deadLetters } = sink;
  const state = sink.state?.fingerprint === config.fingerprint ? sink.state : undefined;
  const reached = state?.progress?.highWater ?? state?.highWater;
  return {
    records: records.map(({ id, key, json, eventTime = "" }) => ({ id, key, json: json.toString("utf8"), eventTime })),
    recordsTotal: BigInt(sink.recordsTotal),
    deadLetters: deadLetters.map(({ place, reason, raw }) => ({ place, reason, raw: raw.subarray(0, MOST_RAW_BYTES) })),
    deadLettersTotal: BigInt(sink.deadLettersTotal),
    duplicates: BigInt(sink.duplicates),
    requests: asked,
    nextCursor: parts.newHighWater?.(reached).next(now()) ?? "",
    pages: outcome?.pages ?? pages,
    more: outcome?.more ?? false,
    error,
  };
}

/** Notes every request, without what is secret in it. */
class ListeningClient implements HttpClient {
  readonly #inner: HttpClient;
  readonly #asked: { method: string; url: string; status: number }[];

  constructor(inner: HttpClient, asked: { method: string; url: string; status: number }[]) {
    this.#inner = inner;
    this.#asked = asked;
  }

  get budget(): HttpClient["budget"] {
    return this.#inner.budget;
  }

  async send(request: HttpRequest, signal: AbortSignal): Promise<HttpResponse> {
    const note = { method: request.method, url: displayUrl(request.url), status: 0 };
    if (this.#asked.length < MOST_REQUESTS) this.#asked.push(note);
    try {
      const response = await this.#inner.send(request, signal);
      note.status = response.status;
      return response;
    } catch (error) {
      if (error instanceof PollError) note.status = error.httpStatus ?? 0;
      throw error;
    }
  }

  close(): void {
    // The source's own client lives on.
  }
}
