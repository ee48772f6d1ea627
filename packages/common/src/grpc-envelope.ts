/** What gRPC puts before each message: a flag for compression and the length (gRPC over HTTP2, "Length-Prefixed-Message"). */
export const ENVELOPE_BYTES = 5;

const envelopes = new WeakMap<Uint8Array, Buffer>();

/**
 * Takes a buffer whose first {@link ENVELOPE_BYTES} are free, and gives the message that stands behind them. A server sends
 * it without making a copy in an envelope.
 */
export function inEnvelope(buffer: Buffer): Buffer {
  buffer[0] = 0;
  buffer.writeUInt32BE(buffer.length - ENVELOPE_BYTES, 1);
  const message = buffer.subarray(ENVELOPE_BYTES);
  envelopes.set(message, buffer);
  return message;
}

/** The envelope that a message was made in; undefined for any other. */
export function envelopeOf(message: unknown): Buffer | undefined {
  return message instanceof Uint8Array ? envelopes.get(message) : undefined;
}
