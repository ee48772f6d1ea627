import type { Socket } from "node:net";
import { type Broker, type Connection, type ProtocolCall, createEncoder } from "./kafkajs-internals.js";

// A request's length goes before it (Kafka protocol guide, "Protocol Primitives").
const LENGTH_BYTES = 4;

export interface PiecesCall<T> extends Omit<ProtocolCall<T>, "request"> {
  readonly request: Omit<ProtocolCall<T>["request"], "encode">;
  /** The request's body. */
  readonly pieces: readonly Buffer[];
  /**
   * Called when the pieces have been sent and answered, so that their memory may be used again. Otherwise, as after any
   * failure, they may still be on their way.
   */
  readonly onFree?: () => void;
}

/**
 * Makes a request whose body goes out in pieces as they are. kafkajs would copy them three times on their way into the
 * socket, into buffers that double and are filled with zeros first. Here it makes a request without a body, and the body
 * is put behind it where it writes to its socket; all the rest is done by kafkajs.
 *
 * Rejects where kafkajs does not write as the version does that is pinned.
 */
export async function sendInPieces<T>(broker: Broker, call: PiecesCall<T>): Promise<T> {
  const { request, pieces, onFree, ...rest } = call;
  const connection = await broker.connectionPool.getConnectionByRequest({ request });
  let written = false;
  const socket = {
    write(head: unknown): void {
      writeRequest(connection.socket, head, pieces, () => (written = true));
    },
  };
  const patched = Object.assign(Object.create(connection) as Connection, {
    socket,
    // Counted there: it would be counted here only.
    nextCorrelationId: () => connection.nextCorrelationId(),
  });
  const answer = await patched.send({ ...rest, request: { ...request, encode: async () => createEncoder() } });
  if (written) onFree?.();
  return answer;
}

function writeRequest(socket: Socket, head: unknown, pieces: readonly Buffer[], onWritten: () => void): void {
  if (!Buffer.isBuffer(head) || head.length < LENGTH_BYTES || head.readInt32BE(0) !== head.length - LENGTH_BYTES) {
    throw new TypeError("kafkajs is another than the one that is pinned: what it writes is not a request");
  }
  const bytes = pieces.reduce((sum, { length }) => sum + length, head.length);
  head.writeInt32BE(bytes - LENGTH_BYTES, 0);
  const [last = head, ...before] = [head, ...pieces].toReversed();
  // One call of the system for all.
  socket.cork();
  for (const piece of before.toReversed()) socket.write(piece);
  socket.write(last, (error) => error ?? onWritten());
  socket.uncork();
}
