import { type Kafka, Partitioners, type Producer } from "kafkajs";
import { create, fromJson, toJson, type JsonValue } from "@bufbuild/protobuf";
import type { Logger } from "@apispool/common/logger.js";
import { type SourceStatus, SourceStatusSchema } from "@apispool/contracts/apispool/v1/worker_control_pb.js";
import type { LogRecord } from "@apispool/kafka-log/log-reader.js";
import { withDeadline } from "../deadline.js";
import type { Owner } from "../state/source-state.js";
import type { SourceStatusInit } from "../worker/worker-status.js";

/** What a source's owner tells the other ingestors. */
export interface PublishedStatus {
  readonly owner: Owner;
  /** The newest offset of the control topic that the owner has acted upon for this source. */
  readonly applied: number;
  /** The owner does not poll it, and nothing that it began to write is open. */
  readonly quiet: boolean;
  readonly status: SourceStatus;
}

const WRITE_MS = 5000;
/** What happens within so many milliseconds goes out together. */
const GATHER_MS = 20;
/** A source whose numbers only grow is told of this often. In milliseconds. */
const OFTEN_MS = 1000;
/** The same while there is nobody to tell; somebody who comes is told at once. */
const RARELY_MS = 30_000;
const MOST_PER_SEND = 500;

interface Pending {
  dueAt: number;
}

/** Tells the other ingestors how this one's sources fare: at once what matters, now and then what merely grows. */
export class StatusLog {
  readonly #kafka: Kafka;
  readonly #topic: string;
  readonly #log: Logger;
  readonly #current: (source: string) => PublishedInit | undefined;
  readonly #pending = new Map<string, Pending>();
  readonly #told = new Map<string, number>();
  #producer: Producer | undefined;
  #timer: NodeJS.Timeout | undefined;
  #timerAt = Number.POSITIVE_INFINITY;
  #flushing: Promise<void> = Promise.resolve();
  #closed = false;
  /** Whether other ingestors are there. */
  others = false;

  /** `current` tells a source's status at the moment of writing; undefined where it is not for this process to tell. */
  constructor(kafka: Kafka, topic: string, log: Logger, current: (source: string) => PublishedInit | undefined) {
    this.#kafka = kafka;
    this.#topic = topic;
    this.#log = log;
    this.#current = current;
  }

  /** Something has changed; `urgent` where others wait for it. */
  changed(source: string, urgent = false): void {
    const now = performance.now();
    const last = this.#told.get(source) ?? Number.NEGATIVE_INFINITY;
    const dueAt = urgent ? now + GATHER_MS : Math.max(now + GATHER_MS, last + (this.others ? OFTEN_MS : RARELY_MS));
    const pending = this.#pending.get(source);
    if (pending !== undefined && pending.dueAt <= dueAt) return;
    this.#pending.set(source, { dueAt });
    this.#wakeAt(dueAt);
  }

  /** Writes what is due, and with `all` what is not due yet. */
  async flush(all = false): Promise<void> {
    this.#flushing = this.#flushing.then(async () => this.#flush(all));
    await this.#flushing;
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await withDeadline(this.#flushing, 1000, "telling the status").catch(() => undefined);
    const producer = this.#producer;
    this.#producer = undefined;
    if (producer !== undefined) await withDeadline(producer.disconnect(), 1000, "disconnecting").catch(() => undefined);
  }

  #wakeAt(at: number): void {
    if (this.#closed || at >= this.#timerAt) return;
    clearTimeout(this.#timer);
    this.#timerAt = at;
    this.#timer = setTimeout(() => void this.flush(), Math.max(0, at - performance.now()));
    this.#timer.unref();
  }

  async #flush(all: boolean): Promise<void> {
    clearTimeout(this.#timer);
    this.#timerAt = Number.POSITIVE_INFINITY;
    const now = performance.now();
    const due = [...this.#pending].filter(([, { dueAt }]) => all || dueAt <= now + 1).map(([source]) => source);
    const messages = due.flatMap((source) => {
      this.#pending.delete(source);
      this.#told.set(source, now);
      const current = this.#current(source);
      return current === undefined ? [] : [{ partition: 0, key: source, value: encode(current) }];
    });
    try {
      for (let from = 0; from < messages.length; from += MOST_PER_SEND) {
        const part = messages.slice(from, from + MOST_PER_SEND);
        await withDeadline(this.#send(part), WRITE_MS, "telling the status");
      }
    } catch (error) {
      this.#log.debug({ err: error }, "the status could not be told to other ingestors; it will be");
      const broken = this.#producer;
      this.#producer = undefined;
      void broken?.disconnect().catch(() => undefined);
      for (const source of due) this.#pending.set(source, { dueAt: now + OFTEN_MS });
    }
    const next = Math.min(...[...this.#pending.values()].map(({ dueAt }) => dueAt));
    if (Number.isFinite(next)) this.#wakeAt(next);
  }

  async #send(messages: readonly { partition: number; key: string; value: string }[]): Promise<void> {
    if (this.#producer === undefined) {
      const producer = this.#kafka.producer({
        allowAutoTopicCreation: false,
        createPartitioner: Partitioners.DefaultPartitioner,
        retry: { initialRetryTime: 50, maxRetryTime: 300, retries: 3 },
      });
      await producer.connect();
      this.#producer = producer;
    }
    await this.#producer.send({ topic: this.#topic, acks: -1, messages: [...messages] });
  }
}

/** As {@link PublishedStatus}, before it is a message. */
export type PublishedInit = Omit<PublishedStatus, "status"> & { readonly status: SourceStatusInit };

function encode({ owner, applied, quiet, status }: PublishedInit): string {
  return JSON.stringify({
    owner,
    applied,
    quiet,
    status: toJson(SourceStatusSchema, create(SourceStatusSchema, status)),
  });
}

/** What a record of the status topic says; undefined for what says nothing that is understood here. */
export function readStatus({ key, value }: LogRecord): { source: string; published: PublishedStatus } | undefined {
  if (key === null || value === null) return undefined;
  try {
    const { owner, applied, quiet, status } = JSON.parse(value.toString("utf8")) as {
      owner: Owner;
      applied: number;
      quiet: boolean;
      status: JsonValue;
    };
    return {
      source: key.toString("utf8"),
      published: { owner, applied, quiet, status: fromJson(SourceStatusSchema, status, { ignoreUnknownFields: true }) },
    };
  } catch {
    return undefined;
  }
}
