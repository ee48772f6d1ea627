import { type Http2Session, type ServerHttp2Stream, constants } from "node:http2";
import { Http2End, type Watcher } from "./http2-end.js";
import type { Receipt, ReceiptOutcome } from "./receipt.js";

/** How long a connection has to be quiet before it is asked, in milliseconds. */
const quietMs = 50;

/** How long the answer to a PING may take, in milliseconds. */
const pingTimeoutMs = 15_000;

/** How long to wait where too many PINGs are under way already, in milliseconds. */
const pingAgainMs = 5;

/**
 * The evidence that an HTTP/2 client has a response: its answer to a PING that stood behind the last byte (its HTTP/2
 * stack has read all before it), or its orderly end (FIN, no reset) after the stream had ended in order. To be asked
 * for before the stream's last byte is written. The PING waits for a quiet moment, unless somebody nudges or the client
 * speaks gRPC: one that meets a client which is just closing would turn its orderly FIN into a reset.
 */
export function http2Receipt(stream: ServerHttp2Stream): Receipt {
  let settle: (outcome: ReceiptOutcome) => void = () => {};
  const outcome = new Promise<ReceiptOutcome>((resolve) => (settle = resolve));
  // The stream forgets its session when it closes.
  const { session } = stream;
  let complete = false;
  let nudged = false;
  let ended = false;
  let timer: NodeJS.Timeout | undefined;
  let behindLastByte: Promise<boolean> | undefined;
  const ask = (): void => {
    clearTimeout(timer);
    // How it ends says enough, and a PING now would make a reset of it.
    if (ended) return;
    void (behindLastByte ?? pinged(session)).then((answered) => {
      // A connection that ends says by its end what became of the bytes.
      if (answered) settle("received");
      else timer = setTimeout(() => settle("lost"), quietMs);
    });
  };
  if (session === undefined || session.destroyed || stream.closed) settle("lost");
  else {
    const watcher: Watcher = {
      // A client that ends before the stream does has not waited for it.
      fin: () => {
        ended = true;
        if (!complete) settle("lost");
      },
      over: (inOrder) => settle(complete && inOrder ? "received" : "lost"),
    };
    const end = Http2End.of(session);
    end.watch(watcher);
    void outcome.then(() => {
      clearTimeout(timer);
      end.unwatch(watcher);
    });
    whenLastByteIsOut(stream, () => {
      if (isGrpc(stream) && !ended) behindLastByte = pinged(session);
    });
    stream.once("close", () => {
      if (stream.rstCode !== constants.NGHTTP2_NO_ERROR || !stream.writableFinished) settle("lost");
      else {
        complete = true;
        if (nudged || isGrpc(stream)) ask();
        // What has already come in is read first: on a busy machine that may be the client's end.
        else timer = setTimeout(() => setImmediate(ask), quietMs);
      }
    });
  }
  return {
    outcome,
    nudge() {
      nudged = true;
      if (complete) ask();
    },
  };
}

/**
 * Calls back while nghttp2 has the last frame of a stream in hand and nothing has been written yet: a PING that is asked for
 * then goes out with it, in one piece. The event `close` comes a millisecond later, and on a busy machine many; a client
 * that makes one call, as `buf curl` does, is gone by then, and leaves the PING unread, which makes a reset of its end.
 * Node tells nobody, but the first thing that it does is to put an end to the stream's timeout.
 */
function whenLastByteIsOut(stream: ServerHttp2Stream, then: () => void): void {
  const setTimeout = stream.setTimeout.bind(stream);
  let told = false;
  stream.setTimeout = (ms, callback) => {
    const returned = setTimeout(ms, callback);
    if (!told && stream.closed && stream.rstCode === constants.NGHTTP2_NO_ERROR && stream.writableEnded) {
      told = true;
      then();
    }
    return returned;
  };
}

/**
 * Resolves once it is known whether the client has taken off the connection what was written to an open stream so
 * far. Never rejects.
 */
export async function confirmWritten(stream: ServerHttp2Stream): Promise<ReceiptOutcome> {
  const { session } = stream;
  for (let waitMs = 10; stream.writableLength > 0; waitMs = Math.min(waitMs * 2, LONGEST_LOOK_MS)) {
    if (stream.destroyed) return "lost";
    await new Promise((resolve) => setTimeout(resolve, waitMs));
  }
  const answered = session !== undefined && (await Pings.of(session).next());
  // A client that broke off may have thrown away what came before the PING.
  return answered && !stream.aborted ? "received" : "lost";
}

/** How often it is looked whether a client that has stopped reading goes on, in milliseconds. */
const LONGEST_LOOK_MS = 320;

/**
 * One PING at a time for all the streams of a connection, of which there may be a thousand: Node allows ten, and refuses
 * more.
 */
class Pings {
  static readonly #known = new WeakMap<Http2Session, Pings>();
  readonly #session: Http2Session;
  #current: Promise<boolean> = Promise.resolve(true);
  #next: Promise<boolean> | undefined;

  private constructor(session: Http2Session) {
    this.#session = session;
  }

  static of(session: Http2Session): Pings {
    let pings = this.#known.get(session);
    if (pings === undefined) this.#known.set(session, (pings = new Pings(session)));
    return pings;
  }

  /** Whether a PING was answered that was sent after this call. */
  next(): Promise<boolean> {
    this.#next ??= this.#current.then(() => {
      this.#next = undefined;
      this.#current = pinged(this.#session);
      return this.#current;
    });
    return this.#next;
  }
}

/**
 * A gRPC client reads on until it closes the connection, so it answers a PING that comes with the last bytes. It must not
 * come later: grpc-go says GOAWAY before it closes, in a form that nghttp2 takes for a violation of the protocol
 * (a last stream id of its own), and ends the session for; nothing of the client's own end is seen then.
 */
function isGrpc(stream: ServerHttp2Stream): boolean {
  return /^application\/grpc(?:-web)?(?:[+;]|$)/.test(stream.sentHeaders?.["content-type"] ?? "");
}

function pinged(session: Http2Session | undefined): Promise<boolean> {
  return new Promise((resolve) => {
    const giveUp = performance.now() + pingTimeoutMs;
    const timer = setTimeout(() => resolve(false), pingTimeoutMs);
    const done = (answered: boolean): void => {
      clearTimeout(timer);
      resolve(answered);
    };
    const ask = (): void => {
      if (session === undefined || session.destroyed || performance.now() > giveUp) {
        done(false);
        return;
      }
      try {
        // Of one that it refuses, because too many are under way, Node tells at once, in both ways.
        let asking = true;
        const sent = session.ping((error) => {
          if (!asking) done(error === null);
        });
        asking = false;
        if (!sent) setTimeout(ask, pingAgainMs);
      } catch {
        done(false);
      }
    };
    ask();
  });
}
