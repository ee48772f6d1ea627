import type { IncomingHttpHeaders } from "node:http";
import type { ReleasableReceipt } from "./receipt-http1.js";

/** By these a request says that it was forwarded (RFC 9110, section 7.6.3; RFC 7239; and what proxies send for that). */
const FORWARDED = ["via", "forwarded", "x-forwarded-for"] as const;

/** Whether a proxy stands between: what the connection tells then is the proxy's word, not the client's. */
export function isProxied(headers: IncomingHttpHeaders): boolean {
  return FORWARDED.some((name) => headers[name] !== undefined);
}

/** The same, but nothing that the connection tells counts as evidence. */
export function withoutEvidence(receipt: ReleasableReceipt): ReleasableReceipt {
  return {
    outcome: receipt.outcome.then(() => "lost"),
    nudge: () => receipt.nudge(),
    ...(receipt.release === undefined ? {} : { release: () => receipt.release?.() }),
  };
}
