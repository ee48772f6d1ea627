import { setImmediate as turn } from "node:timers/promises";
import { create } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import {
  AckMode,
  DataReader,
  FetchUnreadRequestSchema,
  type FetchUnreadRequest,
} from "@apispool/contracts/apispool/v1/data_reader_pb.js";
import { Code } from "@connectrpc/connect";
import { describeError, rpcError } from "@apispool/common/errors.js";
import type { Logger } from "@apispool/common/logger.js";
import { retryUnavailable } from "@apispool/common/retry-unavailable.js";
import type { ReceiptOutcome } from "@apispool/common/receipt.js";
import { FollowProgress } from "@apispool/common/follow-progress.js";
import { Batch } from "./batch.js";
import { defaultLimits } from "./limits/settings.js";
import type { Room } from "./limits/stalled.js";
import type { Messages } from "./message-stream.js";
import type { GatewayMetrics } from "./observe/gateway-metrics.js";
import type { PendingReceipts } from "./pending-receipts.js";
import type { ReleasableReceipt } from "./receipt-http1.js";
import type { Upstream } from "./upstream.js";
import { fromUpstream, reasonOfAbort } from "./upstream-error.js";

/**
 * How long a fetch waits for what the reader's earlier clients have received to be acknowledged, in milliseconds. As a
 * rule the lease upstream sees to the order; a reader service that was killed has forgotten its leases.
 */
const acknowledgedMs = 5000;
/** The least time from one acknowledgement of a live tail to its next, in milliseconds. */
const ACKNOWLEDGE_EVERY_MS = 200;

/** On whose behalf records are fetched. */
export interface Recipient {
  /** Fires when the client is gone, or its deadline has passed; ignored once everything has been handed over. */
  readonly signal: AbortSignal;
  readonly requestId: string;
  /** What is left of the client's deadline, in milliseconds. */
  readonly timeoutMs?: number | undefined;
  readonly log: Logger;
  /** What it may have in memory; absent: as much as it likes. */
  readonly room?: Room | undefined;
  /** What will tell whether the client has the response. */
  receipt(options?: { readonly endless: boolean }): ReleasableReceipt;
  /** The batches handed over so far are with the client; undefined where that cannot be told before the end. */
  confirmWritten?: (() => Promise<boolean>) | undefined;
  /** Called while a live tail holds its reader, and somebody else would like to have it. */
  wanted?: (() => void) | undefined;
}

/** Where batches come from. */
export interface Fetching {
  /** As {@link Delivery.fetch}. */
  fetch(request: FetchUnreadRequest, recipient: Recipient): AsyncGenerator<Batch, void, undefined>;
}

/**
 * Fetches unread records for clients and acknowledges what there is evidence for that they have received. With
 * ACK_MODE_AUTO the reader is leased upstream until then: a client that vanished leaves its records unread.
 */
export class Delivery implements Fetching {
  readonly #reader: Upstream<typeof DataReader>;
  readonly #pending: PendingReceipts;
  readonly #leaseMs: number;
  readonly #metrics: GatewayMetrics;
  readonly #answerTimeoutMs: number;

  constructor(
    reader: Upstream<typeof DataReader>,
    pending: PendingReceipts,
    leaseMs: number,
    metrics: GatewayMetrics,
    answerTimeoutMs = defaultLimits.answerTimeoutMs,
  ) {
    this.#metrics = metrics;
    this.#answerTimeoutMs = answerTimeoutMs;
    this.#reader = reader;
    this.#pending = pending;
    this.#leaseMs = leaseMs;
  }

  /** The batches for one client. Whoever takes the last one has to write it and end the response. Fails with a ConnectError. */
  fetch(request: FetchUnreadRequest, recipient: Recipient): AsyncGenerator<Batch, void, undefined> {
    const auto = request.ack === AckMode.AUTO || request.ack === AckMode.UNSPECIFIED;
    // A fetch from a cursor commits nothing, and in the other modes the client does it.
    if (request.since !== "") return this.#pass(request, recipient);
    if (request.follow) {
      const batches = auto ? this.#follow(request, recipient) : this.#pass(request, recipient);
      return this.#held(batches, nameOf(request), recipient);
    }
    return auto ? this.#lease(request, recipient) : this.#pass(request, recipient);
  }

  /** From its first batch on a live tail holds its reader. */
  async *#held(batches: AsyncIterable<Batch>, reader: string, { wanted }: Recipient): AsyncGenerator<Batch> {
    let letGo: (() => void) | undefined;
    try {
      for await (const batch of batches) {
        letGo ??= this.#pending.holding(reader, wanted ?? (() => {}));
        yield batch;
      }
    } finally {
      letGo?.();
    }
  }

  /** Waits for what the reader's earlier clients have, or may have, and no reader process knows of. */
  async #earlier(reader: string): Promise<void> {
    await this.#pending.acknowledged(reader, acknowledgedMs);
    if (await this.#pending.adopted(reader, acknowledgedMs)) return;
    throw rpcError(
      Code.Aborted,
      "READER_BUSY",
      `the reader "${reader}" was served by a process that is gone, and it is not known yet whether its last client has ` +
        "everything; try again, or use another reader name",
      { retryAfterMs: 1000, metadata: { reader } },
    );
  }

  async *#pass(request: FetchUnreadRequest, recipient: Recipient): AsyncGenerator<Batch, void, undefined> {
    // Another response of the same reader may hold it.
    this.#pending.nudge(nameOf(request));
    await this.#earlier(nameOf(request));
    const call = this.#call(request, recipient);
    let complete = request.follow;
    try {
      for (;;) {
        const batch = await call.next();
        // An end that is not called one is no "nothing more".
        if (batch === undefined && !complete) throw this.#brokenOff();
        if (batch === undefined) return;
        complete ||= batch.complete;
        yield batch;
      }
    } finally {
      call.close();
    }
  }

  async *#lease(request: FetchUnreadRequest, recipient: Recipient): AsyncGenerator<Batch, void, undefined> {
    const reader = nameOf(request);
    const receipt = recipient.receipt();
    this.#pending.nudge(reader);
    this.#pending.add(reader, receipt);
    await this.#earlier(reader);
    const lease = durationFromMs(this.#leaseMs);
    const call = this.#call(create(FetchUnreadRequestSchema, { ...request, ack: AckMode.LEASE, lease }), recipient);
    let handedOver = false;
    // A client that is gone gives the reader free at once.
    void receipt.outcome.then((outcome) => outcome === "lost" && !handedOver && call.close());
    try {
      let empty = true;
      for (;;) {
        const batch = await call.next();
        if (batch === undefined) throw this.#brokenOff();
        empty &&= batch.empty;
        yield batch;
        if (!batch.complete) continue;
        // What a pipelining client had already sent is taken for what it is: no answer to the bytes that follow now.
        await turn();
        await turn();
        recipient.signal.throwIfAborted();
        handedOver = true;
        call.detach();
        // Where nothing was delivered nothing has to be known, and the connection is left in peace.
        const outcome = empty ? "received" : receipt.outcome;
        if (empty) receipt.release?.();
        const settling = this.#settle({ reader, cursor: batch.cursor, recipient, call, outcome });
        this.#pending.track(settling);
        void call.over.then(() => this.#pending.orphaned(reader, settling));
        return;
      }
    } catch (error) {
      if (recipient.signal.aborted) throw reasonOfAbort(recipient.signal);
      throw error;
    } finally {
      if (!handedOver) {
        call.close();
        receipt.release?.();
      }
    }
  }

  /** Never rejects: what cannot be acknowledged is delivered again. */
  async #settle(delivered: {
    reader: string;
    cursor: string;
    recipient: Recipient;
    call: Call;
    outcome: ReceiptOutcome | Promise<ReceiptOutcome>;
  }): Promise<void> {
    const { reader, cursor, recipient, call, outcome } = delivered;
    const received = (await outcome) === "received";
    const acknowledged = received && (await this.#acknowledge(reader, cursor, recipient));
    if (!(received && cursor === "")) this.#tellReceipt(received, acknowledged);
    call.close();
  }

  #tellReceipt(received: boolean, acknowledged: boolean): void {
    this.#metrics.receipts.inc({ outcome: !received ? "lost" : acknowledged ? "received" : "unacknowledged" });
  }

  async *#follow(request: FetchUnreadRequest, recipient: Recipient): AsyncGenerator<Batch, void, undefined> {
    const reader = nameOf(request);
    const receipt = recipient.receipt({ endless: true });
    this.#pending.nudge(reader);
    await this.#earlier(reader);
    const call = this.#call(create(FetchUnreadRequestSchema, { ...request, ack: AckMode.MANUAL }), recipient);
    const progress = new FollowProgress(
      (cursor) => this.#acknowledge(reader, cursor, recipient),
      recipient.confirmWritten,
      () => ACKNOWLEDGE_EVERY_MS,
    );
    let end = "";
    const settling = receipt.outcome.then(async (outcome) => {
      if (outcome !== "received" || end !== "") await progress.end();
      else await progress.received();
      if (outcome === "received" && end !== "") await this.#acknowledge(reader, end, recipient);
      call.close();
    });
    this.#pending.track(settling);
    let any = false;
    try {
      for (;;) {
        const batch = await call.next();
        if (batch === undefined) {
          // As much as was asked for has been given. Nobody holds the reader any more, so who comes next waits here.
          this.#pending.add(reader, receipt);
          this.#pending.acknowledging(reader, settling);
          return;
        }
        yield batch;
        any ||= !batch.empty;
        // A PING that meets a client which is just closing would turn its orderly end into a reset.
        if (batch.complete) end = batch.cursor;
        else progress.handedOver(batch.cursor);
      }
    } finally {
      call.detach();
      // Where nothing was delivered nothing has to be known, and the connection is left in peace.
      if (!any) {
        receipt.release?.();
        call.close();
      }
    }
  }

  async #acknowledge(reader: string, cursor: string, recipient: Recipient): Promise<boolean> {
    if (cursor === "") return false;
    try {
      const headers = { "x-request-id": recipient.requestId };
      const call = { headers, timeoutMs: 10_000 };
      // The client has them: they must not come again only because the reader or Kafka is away for a moment.
      const acknowledging = retryUnavailable(this.#leaseMs, async () =>
        this.#reader.client.acknowledge({ reader, cursor }, call),
      );
      this.#pending.acknowledging(reader, acknowledging);
      await acknowledging;
      return true;
    } catch (error) {
      recipient.log.warn(
        { reader, err: describeError(error) },
        "could not acknowledge; the records will be delivered again",
      );
      return false;
    }
  }

  #brokenOff() {
    const { name, address } = this.#reader;
    return rpcError(Code.Unavailable, "SERVICE_UNAVAILABLE", `the ${name} at ${address} ended before it was done`, {
      retryAfterMs: 1000,
    });
  }

  #call(request: FetchUnreadRequest, recipient: Recipient): Call {
    const beforeAnother = async (): Promise<void> => this.#earlier(nameOf(request));
    // A live tail may have nothing to say for days; who waits for a record, as long as that.
    const waitMs = Number(request.wait?.seconds ?? 0n) * 1000 + (request.wait?.nanos ?? 0) / 1e6;
    const silenceMs = request.follow || recipient.timeoutMs !== undefined ? undefined : waitMs + this.#answerTimeoutMs;
    const options = { leaseMs: this.#leaseMs, silenceMs, beforeAnother, metrics: this.#metrics };
    return new Call(this.#reader, request, recipient, options);
  }
}

interface CallOptions {
  readonly leaseMs: number;
  /** How long the reader may say nothing before each of its messages, in milliseconds. */
  readonly silenceMs: number | undefined;
  readonly beforeAnother: () => Promise<void>;
  readonly metrics: GatewayMetrics;
}

/** One upstream stream. It lives as long as the lease, so it is neither iterated to its end nor tied to the client for ever. */
class Call {
  readonly #upstream: Upstream<typeof DataReader>;
  readonly #signal: AbortSignal;
  readonly #life = new AbortController();
  readonly #messages: Messages;
  readonly #abort: () => void;
  readonly #metrics: GatewayMetrics;
  readonly #silenceMs: number | undefined;

  constructor(
    upstream: Upstream<typeof DataReader>,
    request: FetchUnreadRequest,
    recipient: Recipient,
    { leaseMs, silenceMs, beforeAnother, metrics }: CallOptions,
  ) {
    this.#metrics = metrics;
    this.#silenceMs = silenceMs;
    this.#upstream = upstream;
    this.#signal = recipient.signal;
    this.#abort = () => this.#life.abort(this.#signal.reason);
    recipient.signal.addEventListener("abort", this.#abort);
    if (recipient.signal.aborted) this.#abort();
    const leased = request.ack === AckMode.LEASE;
    this.#messages = upstream.openStream(DataReader.method.fetchUnread, request, {
      signal: this.#life.signal,
      beforeAnother,
      headers: { "x-request-id": recipient.requestId },
      // A lease has to outlive the client's deadline: its evidence may come with the last millisecond.
      ...(recipient.timeoutMs === undefined
        ? {}
        : { timeoutMs: Math.max(1, recipient.timeoutMs + (leased ? leaseMs : 0)) }),
    });
    metrics.streams.inc();
    void this.#messages.over.then(() => metrics.streams.dec());
  }

  /** Resolves once the stream is over, and a lease with it. */
  get over(): Promise<void> {
    return this.#messages.over;
  }

  /** The next batch; undefined at the end. */
  async next(): Promise<Batch | undefined> {
    const silenceMs = this.#silenceMs;
    const timer =
      silenceMs === undefined
        ? undefined
        : setTimeout(() => this.#life.abort(silent(this.#upstream, silenceMs)), silenceMs);
    try {
      const envelope = await this.#messages.next();
      if (envelope === undefined) return undefined;
      this.#metrics.batches.inc();
      this.#metrics.batchBytes.inc(envelope.length);
      return new Batch(envelope);
    } catch (error) {
      throw fromUpstream(error, this.#upstream, this.#signal);
    } finally {
      clearTimeout(timer);
    }
  }

  /** From now on the client's end does not end the call. */
  detach(): void {
    this.#signal.removeEventListener("abort", this.#abort);
  }

  /** Ends the call, and the lease with it. */
  close(): void {
    this.detach();
    if (!this.#life.signal.aborted) this.#life.abort();
  }
}

function silent({ name, address }: Upstream<typeof DataReader>, ms: number) {
  return rpcError(
    Code.Unavailable,
    "SERVICE_UNAVAILABLE",
    `the ${name} at ${address} said nothing for ${ms} ms (ANSWER_TIMEOUT)`,
    { retryAfterMs: 1000, metadata: { service: name, setting: "ANSWER_TIMEOUT" } },
  );
}

function nameOf(request: FetchUnreadRequest): string {
  return request.reader === "" ? "default" : request.reader;
}
