import type { UnreadOptions } from "../unread.js";

/** A fetch of small messages that takes everything and waits for nothing, but for what a test has otherwise. */
export function unreadOptions(
  some: Partial<UnreadOptions> & Pick<UnreadOptions, "log" | "tail" | "discover">,
): UnreadOptions {
  return {
    signal: new AbortController().signal,
    batchBytes: 500,
    fetchBytes: 2000,
    limit: Infinity,
    maxBytes: Infinity,
    waitMs: 0,
    follow: false,
    filter: undefined,
    wholeCursor: false,
    outageMs: 0,
    required: () => undefined,
    ...some,
  };
}
