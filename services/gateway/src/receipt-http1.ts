import type http from "node:http";
import type net from "node:net";
import type { Receipt, ReceiptOutcome } from "@apispool/common/receipt.js";
import { hadAll, resetAfterFinMs, tcpOf, untilTcpEnd, wasReset } from "@apispool/common/tcp-end.js";

export interface Http1Limits {
  /** How long a connection may be idle after a response that needs evidence before it is half-closed. */
  readonly deliveryIdleMs: number;
  /** How long evidence is waited for after the half-close. */
  readonly deliveryTimeoutMs: number;
  /** How long a connection may be idle that owes no evidence. */
  readonly idleTimeoutMs: number;
}

/** A receipt that can turn out not to be needed. */
export interface ReleasableReceipt extends Receipt {
  /** Nobody asks any more: the connection need not be closed for it. */
  release?(): void;
}

/** How long a client that was told of the end may go on before its connection is destroyed, in milliseconds. */
const lingerMs = 5000;

/** How long the last bytes of TLS may take to a client that has ended, in milliseconds. */
const goodbyeMs = 50;

/**
 * The evidence that an HTTP/1.1 client has a response. `finish` says only that the kernel has the bytes. After it:
 * the client's next request on the connection, or its FIN with no reset behind it, is evidence. A client that does
 * neither is asked by a half-close once the connection has been idle: its own end then comes after it has taken the
 * last byte, as a FIN if it did and as a reset if it closed with bytes unread.
 */
class Http1Receipt implements ReleasableReceipt {
  readonly outcome: Promise<ReceiptOutcome>;
  readonly settle: (outcome: ReceiptOutcome) => void;
  /** The response has no end of its own; the client ends it. */
  readonly endless: boolean;
  readonly #connection: Http1Connection;
  nudged = false;

  constructor(connection: Http1Connection, endless: boolean) {
    this.#connection = connection;
    this.endless = endless;
    let settle: (outcome: ReceiptOutcome) => void = () => {};
    this.outcome = new Promise((resolve) => (settle = resolve));
    this.settle = settle;
  }

  nudge(): void {
    this.nudged = true;
    this.#connection.hurry();
  }

  release(): void {
    this.#connection.release(this);
  }
}

const known = new WeakMap<net.Socket, Http1Connection>();

/**
 * Watches one HTTP/1.1 connection for evidence of receipt, and owns its end: Node's own server closes a connection
 * the moment it has written the last response, which would throw the evidence away.
 */
export class Http1Connection {
  readonly #socket: net.Socket;
  readonly #limits: Http1Limits;
  readonly #reallyEnd: () => void;
  /** Receipts of responses that are not finished. */
  readonly #unfinished = new Map<http.ServerResponse, Http1Receipt>();
  /** Receipts of responses that the kernel has, and the client perhaps. */
  readonly #awaited = new Set<Http1Receipt>();
  #active = 0;
  /** A request came before the answer to the one before it: a further request proves nothing on this connection. */
  #pipelined = false;
  #closeAsked = false;
  #ended = false;
  /** The client has told of its end; over TLS, TCP's end is still to come. */
  #clientEnds = false;
  #clientEnded = false;
  /** The end of the connection is the end of the last answer: a client over HTTP/1.0 that is told no length. */
  #endTellsLength = false;
  #finishedAt = 0;
  #bytesReadAtFinish = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(socket: net.Socket, limits: Http1Limits) {
    this.#socket = socket;
    this.#limits = limits;
    known.set(socket, this);
    const end = socket.end.bind(socket);
    this.#reallyEnd = () => void end();
    // Node's server ends the connection by these two; see above.
    socket.end = ((...args: Parameters<net.Socket["end"]>) => {
      if (args.length > 0) return end(...args);
      this.#askClose();
      return socket;
    }) as net.Socket["end"];
    socket.destroySoon = () => this.#askClose();
    socket.on("end", () => {
      this.#clientEnds = true;
      if (!this.#ended) this.#clearTimer();
      untilTcpEnd(socket, {
        fin: () => this.#onceWritten(() => this.#onClientEnd()),
        reset: () => this.#onReset(),
        // It has said goodbye in order, and waits for ours. Where we have ended, too, TCP's end is what it was asked for.
        open: () => {
          if (!this.#ended) this.#onClientEnd();
        },
      });
    });
    socket.on("error", () => this.#settleAll("lost"));
    socket.on("close", () => {
      this.#clearTimer();
      this.#settleAll("lost");
    });
    this.#rest();
  }

  static of(socket: net.Socket): Http1Connection | undefined {
    return known.get(socket);
  }

  /** A request has arrived. False: it must not be served, because its answer could not be sent any more. */
  begin(res: http.ServerResponse): boolean {
    if (this.#active > 0) this.#pipelined = true;
    else if (!this.#pipelined) this.#settleAwaited("received");
    this.#clearTimer();
    if (this.#ended || this.#clientEnded) {
      this.#socket.destroy();
      return false;
    }
    this.#active += 1;
    let over = false;
    const done = (): void => {
      if (over) return;
      over = true;
      this.#onDone(res);
    };
    res.once("finish", done);
    res.once("close", done);
    return true;
  }

  /**
   * The receipt of a response under way; to be asked for before its last byte is written. An endless response (a live
   * tail) is also received when the client ends in order once everything written so far has left.
   */
  receipt(res: http.ServerResponse, { endless = false } = {}): ReleasableReceipt {
    const receipt = new Http1Receipt(this, endless);
    if (res.writableFinished || this.#socket.destroyed) receipt.settle("lost");
    else this.#unfinished.set(res, receipt);
    return receipt;
  }

  /** A receipt's outcome is of no interest any more. */
  release(receipt: Http1Receipt): void {
    this.#awaited.delete(receipt);
    for (const [res, other] of this.#unfinished) if (other === receipt) this.#unfinished.delete(res);
    receipt.settle("lost");
    if (this.#active === 0 && this.#awaited.size === 0) this.#rest();
  }

  /** Somebody waits for the evidence: do not sit out the idle time. */
  hurry(): void {
    if (this.#active === 0) this.#rest();
    // The connection is busy with an answer to a pipelined request, which may be waiting for this very receipt.
    else if (this.#awaited.size > 0) this.#settleAwaited("lost");
  }

  /** The server stops: no further request on this connection. */
  retire(): void {
    this.#askClose();
  }

  #onDone(res: http.ServerResponse): void {
    this.#active -= 1;
    const receipt = this.#unfinished.get(res);
    if (receipt !== undefined) {
      this.#unfinished.delete(res);
      if (!res.writableFinished) receipt.settle("lost");
      else if (this.#active > 0 && receipt.nudged) receipt.settle("lost");
      else this.#awaited.add(receipt);
    }
    this.#endTellsLength = !res.chunkedEncoding && !res.hasHeader("content-length");
    this.#finishedAt = performance.now();
    this.#bytesReadAtFinish = this.#socket.bytesRead;
    if (this.#active === 0 && !this.#socket.destroyed) this.#rest();
  }

  #askClose(): void {
    this.#closeAsked = true;
    if (this.#active === 0 && this.#unfinished.size === 0) this.#rest();
  }

  /** Nothing is being served: decides what to wait for, and how long. */
  #rest(): void {
    if (this.#ended || this.#clientEnds || this.#socket.destroyed) return;
    this.#clearTimer();
    if (this.#awaited.size > 0) {
      const hurried = this.#closeAsked || [...this.#awaited].some((receipt) => receipt.nudged);
      const idleMs = hurried ? resetAfterFinMs(this.#socket) : this.#limits.deliveryIdleMs;
      this.#after(Math.max(0, this.#finishedAt + idleMs - performance.now()), () => {
        // The next request is on its way: it will be evidence once it is whole.
        if (this.#socket.bytesRead === this.#bytesReadAtFinish || hurried) this.#askByHalfClose();
      });
    } else if (this.#closeAsked) this.#halfClose();
    else this.#after(this.#limits.idleTimeoutMs, () => this.#halfClose());
  }

  /** What has already come in is read first: an end of the client that was there before ours says more than one after it. */
  #askByHalfClose(): void {
    setImmediate(() => {
      if (this.#active === 0 && !this.#ended && !this.#clientEnds && !this.#socket.destroyed) this.#halfClose();
    });
  }

  /** Says that nothing more will come, and listens for how the client ends. */
  #halfClose(): void {
    this.#ended = true;
    const tcp = tcpOf(this.#socket);
    // Over TLS the FIN comes without a close_notify: a client that has no interest in more would leave that unread, and its
    // orderly end be a reset. It does not miss it, because the answer told its own end (RFC 9112, section 9.8).
    if (tcp !== this.#socket && this.#awaited.size > 0 && !this.#endTellsLength) tcp.end();
    else this.#reallyEnd();
    this.#after(this.#awaited.size > 0 ? this.#limits.deliveryTimeoutMs : lingerMs, () => this.#socket.destroy());
  }

  /**
   * Of what TLS has given to the kernel Node tells a turn later than of cleartext; a client that is quick has had it and ended
   * before that.
   */
  #onceWritten(act: () => void, looks = 4): void {
    const ended = [...this.#unfinished.keys()].every((res) => res.writableEnded);
    if (tcpOf(this.#socket) === this.#socket || this.#active === 0 || !ended || looks === 0) act();
    else setTimeout(() => this.#onceWritten(act, looks - 1), resetAfterFinMs(this.#socket));
  }

  /** Over TLS: the client has ended its side in order, and then reset the connection, with bytes unread. */
  #onReset(): void {
    this.#settleAll("lost");
    this.#socket.destroy();
  }

  #onClientEnd(): void {
    if (this.#clientEnded) return;
    this.#clientEnded = true;
    this.#clearTimer();
    if (this.#ended) {
      this.#settleAwaited(hadAll(this.#socket) ? "received" : "lost");
      // Where TLS's own end was kept back Node does not see that both sides are over.
      if (tcpOf(this.#socket) !== this.#socket) this.#socket.destroy();
      return;
    }
    if (this.#active > 0) {
      this.#endDuringResponse();
      return;
    }
    // Bytes may have been on their way to a client that is gone; its kernel then answers them with a reset.
    this.#after(this.#awaited.size > 0 ? resetAfterFinMs(this.#socket) : 0, () => {
      this.#settleAwaited(wasReset(tcpOf(this.#socket)) ? "lost" : "received");
      this.#ended = true;
      this.#reallyEnd();
      // Over TLS its end is known already, and nothing is read that would tell of another.
      const known = tcpOf(this.#socket) !== this.#socket;
      this.#after(known ? goodbyeMs : lingerMs, () => this.#socket.destroy());
    });
  }

  /** A client that ends before its answer does has gone; for an answer without an end that is the orderly way. */
  #endDuringResponse(): void {
    const hopeful: Http1Receipt[] = [];
    for (const [res, receipt] of this.#unfinished) {
      if (receipt.endless && res.writableLength === 0 && this.#socket.writableLength === 0) hopeful.push(receipt);
      else receipt.settle("lost");
    }
    this.#after(hopeful.length > 0 ? resetAfterFinMs(this.#socket) : 0, () => {
      for (const receipt of hopeful) receipt.settle(wasReset(tcpOf(this.#socket)) ? "lost" : "received");
      this.#socket.destroy();
    });
  }

  #settleAwaited(outcome: ReceiptOutcome): void {
    for (const receipt of this.#awaited) receipt.settle(outcome);
    this.#awaited.clear();
  }

  #settleAll(outcome: ReceiptOutcome): void {
    this.#settleAwaited(outcome);
    for (const receipt of this.#unfinished.values()) receipt.settle(outcome);
    this.#unfinished.clear();
  }

  #after(ms: number, act: () => void): void {
    this.#clearTimer();
    this.#timer = setTimeout(act, ms);
  }

  #clearTimer(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
