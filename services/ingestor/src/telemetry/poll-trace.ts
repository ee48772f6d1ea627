import type { Span, Tracer } from "@apispool/common/tracing.js";
import { traceparentHeader } from "@apispool/common/tracing.js";

/** What a poll is seen by in a trace. */
export class PollTrace {
  readonly #tracer: Tracer;
  readonly #poll: Span;
  readonly #tellsApi: boolean;

  constructor(tracer: Tracer, poll: Span, tellsApi: boolean) {
    this.#tracer = tracer;
    this.#poll = poll;
    this.#tellsApi = tellsApi;
  }

  /** One request to the API; `shownUrl` has no secrets in it. */
  request(method: string, shownUrl: string): Span {
    return this.#tracer.start(method, {
      kind: "client",
      parent: this.#poll.traceparent,
      attributes: { "http.request.method": method, "url.template": shownUrl },
    });
  }

  /** What the API is told of it: nothing, unless that was asked for. */
  headersFor(request: Span): Readonly<Record<string, string>> {
    return this.#tellsApi ? { [traceparentHeader]: request.traceparent } : {};
  }

  /** One transaction. Its traceparent goes with the records, by which whoever reads them finds the way back. */
  transaction(source: string, records: number): Span {
    return this.#tracer.start(`write ${source}`, {
      kind: "producer",
      parent: this.#poll.traceparent,
      attributes: { "messaging.system": "kafka", "apispool.source": source, "messaging.batch.message_count": records },
    });
  }
}
