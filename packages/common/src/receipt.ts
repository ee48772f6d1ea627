/** What became of a response: the client has all of it, or that cannot be said. */
export type ReceiptOutcome = "received" | "lost";

/**
 * Finds out whether a client has received a response. "It was written" is no evidence: a response smaller than the
 * socket buffers is written while its client is already dead.
 */
export interface Receipt {
  /** Settles once, never rejects. */
  readonly outcome: Promise<ReceiptOutcome>;
  /** Somebody waits for the outcome: find out now instead of when it suits. */
  nudge(): void;
}
