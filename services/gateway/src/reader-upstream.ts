import { setImmediate as turn } from "node:timers/promises";
import type { DescMessage, DescMethodServerStreaming, MessageShape } from "@bufbuild/protobuf";
import { Code, type Transport, createClient } from "@connectrpc/connect";
import { DataReader } from "@apispool/contracts/apispool/v1/data_reader_pb.js";
import { rpcError } from "@apispool/common/errors.js";
import type { MessageStream, Messages } from "./message-stream.js";
import type { Member, Readers } from "./readers.js";
import type { StreamOptions, Upstream } from "./upstream.js";
import { fromUpstream, isGone } from "./upstream-error.js";

/**
 * All reader processes as one: a call goes to the process that serves its reader's name, and to the next one where that is
 * gone before it has answered. Every method of DataReader may be repeated: what a process did before it went is either
 * nothing, or the same again.
 */
export function readerUpstream(readers: Readers): Upstream<typeof DataReader> {
  return {
    name: "reader",
    address: readers.address,
    client: createClient(DataReader, pooled(readers)),
    openStream: (method, request, options) => new PooledStream(readers, method, request, options),
    close: () => {
      void readers.stop();
    },
  };
}

/** The reader's name in a request of any of the methods; ListReaders has none, and any process may answer it. */
function nameIn(request: object): string {
  const name: unknown = (request as { reader?: unknown }).reader;
  return typeof name === "string" && name !== "" ? name : "default";
}

/** The next process to try for a name. */
function nextOf(readers: Readers, name: string, tried: ReadonlySet<Member>): Member | undefined {
  return readers.candidates(name).find((member) => !tried.has(member));
}

function nobodyThere(readers: Readers): Error {
  return rpcError(Code.Unavailable, "SERVICE_UNAVAILABLE", readers.problems.join("; "), { retryAfterMs: 1000 });
}

/**
 * In milliseconds, whole ones: Connect writes a fraction into `grpc-timeout` as it is, which gRPC's protocol does not know, and
 * grpc-js takes the digits behind the point for all of it.
 */
function leftUntil(end: number): number {
  return Math.max(1, Math.ceil(end - performance.now()));
}

function pooled(readers: Readers): Transport {
  return {
    async unary(method, signal, timeoutMs, header, input, contextValues) {
      const name = nameIn(input);
      const end = timeoutMs === undefined ? undefined : performance.now() + timeoutMs;
      const tried = new Set<Member>();
      for (let failure: unknown; ;) {
        const member = nextOf(readers, name, tried);
        if (member === undefined) throw failure ?? nobodyThere(readers);
        tried.add(member);
        const release = readers.bind(name, member);
        try {
          const leftMs = end === undefined ? undefined : leftUntil(end);
          return await member.connection.transport.unary(method, signal, leftMs, header, input, contextValues);
        } catch (error) {
          if (!isGone(error, signal)) throw error;
          failure = fromUpstream(error, member.connection);
        } finally {
          release();
        }
      }
    },
    stream() {
      throw new Error("streams are opened by openStream");
    },
  };
}

/** A stream that begins anew with another process when the one that it went to is gone before its first message. */
class PooledStream<I extends DescMessage> implements Messages {
  readonly #readers: Readers;
  readonly #open: (member: Member) => MessageStream;
  readonly #signal: AbortSignal;
  readonly #beforeAnother: (() => Promise<void>) | undefined;
  readonly #name: string;
  readonly #tried = new Set<Member>();
  #ending: () => void = () => {};
  readonly over = new Promise<void>((resolve) => (this.#ending = resolve));
  #current: { readonly stream: MessageStream; readonly member: Member } | undefined;
  #begun = false;

  constructor(
    readers: Readers,
    method: DescMethodServerStreaming<I>,
    request: MessageShape<I>,
    options: StreamOptions,
  ) {
    this.#readers = readers;
    this.#signal = options.signal;
    this.#beforeAnother = options.beforeAnother;
    this.#name = nameIn(request);
    const end = options.timeoutMs === undefined ? undefined : performance.now() + options.timeoutMs;
    this.#open = (member) => {
      const release = readers.bind(this.#name, member);
      const left = end === undefined ? {} : { timeoutMs: leftUntil(end) };
      return member.connection.openStream(method, request, { ...options, ...left, onEnd: release });
    };
    this.#next();
  }

  async next(): Promise<Buffer | undefined> {
    for (let failure: unknown; ;) {
      if (this.#current === undefined) {
        this.#ending();
        throw failure ?? nobodyThere(this.#readers);
      }
      const { stream, member } = this.#current;
      try {
        const message = await stream.next();
        if (!this.#begun) {
          this.#begun = true;
          void stream.over.then(this.#ending);
        }
        return message;
      } catch (error) {
        const gone = isGone(error, this.#signal);
        failure = gone ? fromUpstream(error, member.connection) : error;
        if (!gone || this.#begun) {
          this.#ending();
          throw failure;
        }
        // The process's other streams end in the same moment; what follows from that comes first.
        await turn();
        await this.#beforeAnother?.();
        this.#next();
      }
    }
  }

  #next(): void {
    this.#current = undefined;
    const member = nextOf(this.#readers, this.#name, this.#tried);
    // While the name is in use elsewhere, another process would not know of it.
    if (member === undefined || this.#readers.isBoundToAnother(this.#name, member)) return;
    this.#tried.add(member);
    this.#current = { member, stream: this.#open(member) };
  }
}
