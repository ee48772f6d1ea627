import type { Socket } from "node:net";

/**
 * How long after a FIN the reset may take that follows it where bytes were still on their way to a client that is
 * gone, in milliseconds: a round trip.
 */
export function resetAfterFinMs(socket: Pick<Socket, "localAddress">): number {
  const address = socket.localAddress ?? "";
  const loopback = address.startsWith("127.") || address === "::1" || address.startsWith("::ffff:127.");
  return loopback ? 5 : 50;
}

/**
 * Whether the peer has reset a connection that it had ended before. After a FIN nothing is read, so Node does not
 * report it; but the kernel forgets the peer with it, and asking for its address fails (ENOTCONN). `remoteAddress` may
 * be cached, the handle asks each time. Only before the own side has been ended: after that the answer means nothing.
 */
export function wasReset(socket: object): boolean {
  const handle = (socket as { _handle?: { getpeername?: (out: object) => number } | null })._handle;
  return handle?.getpeername?.({}) !== 0;
}
