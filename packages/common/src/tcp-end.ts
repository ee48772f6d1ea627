import { readSync, writeSync } from "node:fs";
import { Socket } from "node:net";

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
  const tcp = tcpOf(socket);
  if (!(socket.writableFinished || tcp.writableFinished) || !isForgotten(tcp)) return false;
  const fd = handleOf(tcp)?.fd;
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

/** The TCP socket that a TLS socket travels on; without TLS the socket itself. */
export function tcpOf(socket: Socket): Socket {
  const { encrypted, _parent } = socket as { encrypted?: boolean; _parent?: unknown };
  return encrypted === true && _parent instanceof Socket ? _parent : socket;
}

/** How TCP tells of the peer's end, once the socket has told of one. */
export interface PeerEnd {
  fin(): void;
  reset(): void;
  /** The peer keeps the connection open: it waits for our end before it ends TCP's side. */
  open(): void;
}

/**
 * Finds out how TCP ends once a socket has emitted `end`. Without TLS that is the FIN itself. TLS has an end of its own
 * (close_notify, RFC 8446 section 6.1), which comes before TCP's and says nothing of what its sender has read: who has not
 * read everything says close_notify just the same, and the kernel then resets the connection. Node throws away whatever comes
 * after a close_notify, resets included, so reading is stopped here, and the kernel asked. Over TLS the caller has to destroy the socket in the end.
 */
export function untilTcpEnd(socket: Socket, told: PeerEnd): void {
  const tcp = tcpOf(socket);
  if (tcp === socket) {
    told.fin();
    return;
  }
  handleOf(tcp)?.readStop?.();
  keepUntilDestroyed(socket);
  const openAt = performance.now() + WAITS_FOR_US_MS;
  let waits = false;
  let pauseMs = 1;
  const look = (): void => {
    // Its close tells.
    if (tcp.destroyed) return;
    const end = endOf(tcp);
    if (end !== "none") {
      told[end]();
      return;
    }
    if (!waits && performance.now() > openAt) {
      waits = true;
      told.open();
    }
    setTimeout(look, pauseMs);
    pauseMs = Math.min(pauseMs * 2, 50);
  };
  look();
}

/** Node destroys a socket as soon as both sides have ended TLS; from now on only who calls `destroy` does. */
function keepUntilDestroyed(socket: Socket): void {
  const { _writableState } = socket as { _writableState?: { autoDestroy: boolean } };
  if (_writableState !== undefined) _writableState.autoDestroy = false;
}

/** How long after its close_notify a peer may take to end TCP, too, before it is taken for one that waits for ours, in milliseconds. */
const WAITS_FOR_US_MS = 100;

/** What the kernel has of a peer's end on a connection that nobody reads from. */
function endOf(tcp: Socket): "none" | "fin" | "reset" {
  const fd = handleOf(tcp)?.fd;
  // Windows has no descriptor to ask.
  if (fd === undefined || fd < 0) return "fin";
  const rest = Buffer.alloc(1024);
  try {
    // What comes behind a close_notify is nothing (RFC 8446).
    while (readSync(fd, rest) > 0);
    return "fin";
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EAGAIN" ? "none" : "reset";
  }
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
  readStop?(): number;
}

function handleOf(socket: object): Handle | null | undefined {
  return (socket as { _handle?: Handle | null })._handle;
}
