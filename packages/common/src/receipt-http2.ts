import { type Http2Session, type ServerHttp2Stream, constants } from "node:http2";
import { Http2End, type Watcher } from "./http2-end.js";
import type { Receipt, ReceiptOutcome } from "./receipt.js";

/** How long a connection has to be quiet before it is asked, in milliseconds. */
const quietMs = 50;

/** How long the answer to a PING may take, in milliseconds. */
const pingTimeoutMs = 15_000;

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
  const ask = (): void => {
    clearTimeout(timer);
    // How it ends says enough, and a PING now would make a reset of it.
    if (ended) return;
    void pinged(session).then((answered) => {
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
 * Resolves once it is known whether the client has taken off the connection what was written to an open stream so
 * far. Never rejects.
 */
export async function confirmWritten(stream: ServerHttp2Stream): Promise<ReceiptOutcome> {
  const { session } = stream;
  while (stream.writableLength > 0) {
    if (stream.destroyed) return "lost";
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return (await pinged(session)) ? "received" : "lost";
}

/**
 * A gRPC client reads on until it closes the connection, so it answers a PING that comes with the last bytes. It must not
 * come later: grpc-go says GOAWAY before it closes, in a form that nghttp2 takes for a violation of the protocol
 * (a last stream id of its own), and ends the session for; nothing of the client's own end is seen then.
 */
function isGrpc(stream: ServerHttp2Stream): boolean {
  return /^application\/grpc(?:[+;]|$)/.test(stream.sentHeaders?.["content-type"] ?? "");
}

function pinged(session: Http2Session | undefined): Promise<boolean> {
  return new Promise((resolve) => {
    if (session === undefined || session.destroyed) {
      resolve(false);
      return;
    }
    const timer = setTimeout(() => resolve(false), pingTimeoutMs);
    const done = (answered: boolean): void => {
      clearTimeout(timer);
      resolve(answered);
    };
    try {
      if (!session.ping((error) => done(error === null))) done(false);
    } catch {
      done(false);
    }
  });
}
