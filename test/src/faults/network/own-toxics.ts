import type { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { Toxic } from "./way.js";

/** One connection, as far as a toxic has to do with it. */
export interface Pair {
  /** Resolves once both ends are closed. */
  readonly closed: AbortSignal;
  close(): void;
  reset(): void;
}

/** A toxic at work on one direction of a connection: each piece goes in, what is to be passed on comes out. */
export type Work = (piece: Buffer) => AsyncIterable<Buffer>;

export function workOf(toxic: Toxic, pair: Pair): Work {
  switch (toxic.type) {
    case "latency":
      return async function* late(piece) {
        await pause(toxic.latencyMs + (Math.random() * 2 - 1) * toxic.jitterMs, pair);
        yield piece;
      };
    case "bandwidth":
      return async function* slow(piece) {
        // A tenth of a second's worth at once.
        const size = Math.max(1, Math.ceil(toxic.rate * 100));
        for (let at = 0; at < piece.length; at += size) {
          const part = piece.subarray(at, at + size);
          await pause(part.length / toxic.rate, pair);
          yield part;
        }
      };
    case "timeout":
      if (toxic.timeoutMs > 0) void pause(toxic.timeoutMs, pair).then(() => pair.close());
      return nothing;
    case "limit_data": {
      let left = toxic.bytes;
      return async function* limited(piece) {
        const part = piece.subarray(0, left);
        left -= part.length;
        if (part.length > 0) yield part;
        if (left <= 0) pair.close();
      };
    }
    case "slicer":
      return async function* slices(piece) {
        for (let at = 0; at < piece.length;) {
          const size = Math.max(1, Math.round(toxic.averageSize + (Math.random() * 2 - 1) * toxic.sizeVariation));
          yield piece.subarray(at, at + size);
          at += size;
          await pause(toxic.delayUs / 1000, pair);
        }
      };
    case "reset_peer":
      return (): AsyncIterable<Buffer> => {
        void pause(toxic.timeoutMs, pair).then(() => pair.reset());
        return nothing();
      };
    default:
      return toxic satisfies never;
  }
}

async function* nothing(): AsyncIterable<Buffer> {}

/** Ends early where the connection does. */
async function pause(ms: number, { closed }: Pair): Promise<void> {
  if (ms > 0) await sleep(ms, undefined, { signal: closed }).catch(() => undefined);
}

/** Waits until there is room; a socket that is gone has it. */
export async function write(socket: Socket, piece: Buffer): Promise<void> {
  if (socket.destroyed || socket.writableEnded || socket.write(piece)) return;
  await new Promise<void>((resolve) => {
    const done = (): void => {
      socket.off("drain", done).off("close", done);
      resolve();
    };
    socket.on("drain", done).on("close", done);
  });
}
