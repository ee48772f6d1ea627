import { writeSync } from "node:fs";
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
 * report it; but the kernel forgets the peer with it. Only before the own side has been ended: after that see `hadAll`.
 */
export function wasReset(socket: object): boolean {
  return isForgotten(socket);
}

/**
 * Whether a peer whose end is heard after the own side has been ended had everything by then. Not so while the kernel
 * still knows the peer: something is unacknowledged then, and on its way to somebody who may be gone. Once it has
 * forgotten the peer, there was either the last acknowledgement or a reset; a write, which can send nothing any more,
 * fails with EPIPE after the one and with ECONNRESET after the other. To be asked the moment the end is heard.
 */
export function hadAll(socket: Socket): boolean {
  if (!socket.writableFinished || !isForgotten(socket)) return false;
  const fd = handleOf(socket)?.fd;
  // Windows has no descriptor to ask.
  if (fd === undefined || fd < 0) return true;
  try {
    writeSync(fd, "\0");
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "ECONNRESET";
  }
}

/** Reads on where reading was stopped, so that the peer's end is heard. */
export function listenOn(socket: object): void {
  handleOf(socket)?.readStart?.();
}

/** Asks the kernel for the peer's address; ENOTCONN says that there is none. `remoteAddress` may be cached, this is not. */
function isForgotten(socket: object): boolean {
  return handleOf(socket)?.getpeername?.({}) !== 0;
}

/** What Node keeps of a socket beneath its own API; absent once it is closed. */
interface Handle {
  readonly fd?: number;
  getpeername?(out: object): number;
  readStart?(): number;
}

function handleOf(socket: object): Handle | null | undefined {
  return (socket as { _handle?: Handle | null })._handle;
}
