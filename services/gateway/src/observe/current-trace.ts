import { AsyncLocalStorage } from "node:async_hooks";
import type { Interceptor } from "@connectrpc/connect";
import type { Span } from "@apispool/common/tracing.js";
import { traceparentHeader } from "@apispool/common/tracing.js";

const current = new AsyncLocalStorage<Span>();

/** Does something on behalf of a request that is traced: what is asked upstream meanwhile is its part. */
export function onBehalfOf(span: Span, work: () => void): void {
  current.run(span, work);
}

/** What a call upstream is told of the request that it serves; nothing where that is not traced. */
export function traceHeaders(): Readonly<Record<string, string>> {
  const span = current.getStore();
  return span === undefined ? {} : { [traceparentHeader]: span.traceparent };
}

/** The same, for calls that Connect makes. */
export const tellTrace: Interceptor = (next) => async (request) => {
  const span = current.getStore();
  if (span !== undefined) request.header.set(traceparentHeader, span.traceparent);
  return await next(request);
};
