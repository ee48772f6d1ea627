import type { Exchange } from "../exchange.js";
import { refuse as refuseInItsProtocol } from "../refusal.js";
import { type Passed, limitHttpError } from "./exceeded.js";

/** Answers a request that is over a limit, in its own protocol, without reading it. */
export function refuse(exchange: Exchange, passed: Passed): void {
  const { stream } = exchange;
  // There is nobody to tell.
  if (stream?.destroyed === true) return;
  // Over HTTP/1.1 the connection would have to be read to the end of the request to be used again.
  refuseInItsProtocol(exchange, limitHttpError(passed), stream === undefined ? { connection: "close" } : {});
}
