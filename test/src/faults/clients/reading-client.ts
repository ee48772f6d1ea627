import { setTimeout as sleep } from "node:timers/promises";
import { describeError } from "@apispool/common/errors.js";
import type { Recorder } from "./recorder.js";

const PAUSE_MS = 50;
/** A client that waits longer for an answer gives up, and asks again. */
const PATIENCE_MS = 30_000;

/** What does not pass by itself, so that no client should be told so. */
export class Refused extends Error {
  override readonly name = "Refused";
}

/** Reads as one reader, over and over, until it is told to stop; whatever goes wrong, it asks again. */
export abstract class ReadingClient {
  readonly name: string;
  protected readonly recorder: Recorder;
  /** Milliseconds between two fetches. */
  protected pauseMs = PAUSE_MS;
  readonly #stop = new AbortController();
  #vanish = new AbortController();
  #running: Promise<void> | undefined;

  constructor(name: string, recorder: Recorder) {
    this.name = name;
    this.recorder = recorder;
    recorder.reader(name);
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Is gone in the middle of whatever it does, as a process that is killed; another one takes its place at once. */
  vanish(): void {
    this.#vanish.abort(new Error("the client vanished"));
  }

  async stop(): Promise<void> {
    this.#stop.abort(new Error("the client ended"));
    await this.#running;
    this.close();
  }

  /** One fetch, and what belongs to it. Rejects where it fails; the signal ends its connection. */
  protected abstract readOnce(signal: AbortSignal): Promise<void>;

  protected close(): void {
    // Most have nothing to close.
  }

  /** Of one fetch; a live tail has no end. */
  protected get patienceMs(): number {
    return PATIENCE_MS;
  }

  async #run(): Promise<void> {
    const stop = this.#stop.signal;
    while (!stop.aborted) {
      this.#vanish = new AbortController();
      const { signal } = this.#vanish;
      const timer = setTimeout(() => this.#vanish.abort(new Error("no answer for too long")), this.patienceMs);
      await this.readOnce(AbortSignal.any([stop, signal])).catch(() => undefined);
      clearTimeout(timer);
      await sleep(this.pauseMs, undefined, { signal: stop }).catch(() => undefined);
    }
  }
}

export function why(error: unknown, signal: AbortSignal): string {
  return signal.aborted ? describeError(signal.reason) : describeError(error);
}
