/** How long a claim has to stand before the reader is taken from a process that may be alive, in milliseconds. */
export const WAIT_MS = 1000;
/** How long after looking a holder may deliver, and whoever found a reader free may take it, in milliseconds. */
export const TRUST_MS = 800;
