import type { Http2Session } from "node:http2";
import { listenOn, resetAfterFinMs, tcpOf, untilTcpEnd, wasReset } from "./tcp-end.js";

/** How long a client that has said goodbye may take to end its connection before it is told goodbye, in milliseconds. */
const goodbyeMs = 50;

/** How often the kernel is asked whether it still knows a client that somebody watches, in milliseconds. */
const lookEveryMs = 1000;

/** Who wants to know how a connection ends. */
export interface Watcher {
  /** The client has ended its side. */
  fin(): void;
  /** The connection is over. */
  over(inOrder: boolean): void;
}

const known = new WeakMap<Http2Session, Http2End>();

/**
 * How an HTTP/2 connection ends, for all its streams. Node answers a client's goodbye (GOAWAY) at once with its own and
 * with the end of the connection. A client that is gone by then answers that with a reset, and what its own end had to
 * tell is lost. So while somebody watches, the goodbye waits a moment for the client's end, and the end of the
 * connection waits for it altogether.
 */
export class Http2End {
  readonly #watchers = new Set<Watcher>();
  /** What Node wanted to do and could not yet. */
  readonly #held: (() => void)[] = [];
  /** Ends the connection where the kernel has forgotten the client. */
  readonly #look: () => void;
  #looking: NodeJS.Timeout | undefined;

  private constructor(session: Http2Session) {
    // What a session calls its socket is a proxy that throws once the session is over; `once` gives the real one,
    // which can still be asked then.
    const socket = session.socket.once("end", () => ended());
    const ended = (): void => {
      for (const watcher of this.#watchers) watcher.fin();
      if (this.#watchers.size === 0) return;
      socket.allowHalfOpen = true;
      untilTcpEnd(socket, { fin, reset: () => over(false), open: () => over(true) });
    };
    // It may have come before anybody asked.
    if (socket.readableEnded) setImmediate(ended);
    const tcp = tcpOf(socket);
    const over = (inOrder: boolean): void => {
      this.#over(inOrder);
      session.destroy();
      // A session that was over before leaves its socket alone, and a server that stops would wait for it for ever.
      socket.destroy();
    };
    const fin = (): void => {
      // Bytes may have been on their way to a client that is gone; its kernel then answers them with a reset.
      setTimeout(() => over(!wasReset(tcp)), resetAfterFinMs(socket));
    };
    // A reset that meets Node while it writes over TLS and does not read is told to nobody: no end, no error, no close.
    this.#look = () => {
      if (wasReset(tcp)) over(false);
    };
    socket.once("error", () => this.#over(false));
    socket.once("close", () => this.#over(false));

    const close = session.close.bind(session);
    session.close = (callback) => {
      const hold = this.#watchers.size > 0 && !session.closed;
      if (!hold) {
        close(callback);
        return;
      }
      // Once the goodbye has been dealt with nothing is read any more, for lack of streams.
      setImmediate(() => listenOn(socket));
      this.#held.push(() => close(callback));
      setTimeout(() => close(callback), goodbyeMs);
    };
    const end = socket.end.bind(socket);
    socket.end = ((...args: Parameters<typeof end>) => {
      if (this.#watchers.size === 0) return end(...args);
      this.#held.push(() => void end(...args));
      return socket;
    }) as typeof socket.end;
  }

  /** Of a session that is not destroyed. */
  static of(session: Http2Session): Http2End {
    const end = known.get(session) ?? new Http2End(session);
    known.set(session, end);
    return end;
  }

  watch(watcher: Watcher): void {
    this.#watchers.add(watcher);
    this.#looking ??= setInterval(this.#look, lookEveryMs).unref();
  }

  unwatch(watcher: Watcher): void {
    this.#watchers.delete(watcher);
    if (this.#watchers.size === 0) this.#release();
  }

  #over(inOrder: boolean): void {
    const watchers = [...this.#watchers];
    this.#watchers.clear();
    for (const watcher of watchers) watcher.over(inOrder);
    this.#release();
  }

  #release(): void {
    clearInterval(this.#looking);
    this.#looking = undefined;
    for (const act of this.#held.splice(0)) act();
  }
}
