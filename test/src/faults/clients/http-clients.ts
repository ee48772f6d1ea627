import http from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import type { UpTo } from "../history.js";
import { ask, textOf } from "./http-request.js";
import { type JsonAnswer, type JsonGap, type JsonRecord, received, toldGap } from "./json.js";
import { ReadingClient, Refused, why } from "./reading-client.js";
import type { Recorder } from "./recorder.js";

const LIMIT = 5000;

abstract class HttpClient extends ReadingClient {
  protected readonly base: string;
  protected readonly agent = new http.Agent({ keepAlive: true, maxSockets: 1 });

  constructor(base: string, name: string, recorder: Recorder) {
    super(name, recorder);
    this.base = base;
  }

  protected override close(): void {
    this.agent.destroy();
  }

  /** A whole JSON answer; `onWhole` is called before it goes into the history. */
  protected async answer(
    query: string,
    mode: "auto" | "manual",
    signal: AbortSignal,
    onWhole: () => void = () => undefined,
  ): Promise<{ readonly answer: JsonAnswer; readonly upTo: UpTo }> {
    const call = this.recorder.fetch(this.name, mode);
    try {
      const url = `${this.base}/data?reader=${this.name}&limit=${LIMIT}&wait=1${query}`;
      const answer = JSON.parse(await textOf(await ask({ url, agent: this.agent, signal }))) as JsonAnswer;
      onWhole();
      call.batch(answer.records.map(received), answer.gaps.map(toldGap));
      call.end("whole");
      return { answer, upTo: call.upTo };
    } catch (error) {
      call.end(error instanceof Refused ? "refused" : "broken", why(error, signal));
      throw error;
    }
  }
}

/** JSON over one connection that is kept: the next request is the evidence. */
export class JsonAuto extends HttpClient {
  protected override async readOnce(signal: AbortSignal): Promise<void> {
    await this.answer("&ack=auto", "auto", signal);
  }
}

/** JSON, acknowledged by hand: in turn by a request of its own, and with the next fetch. */
export class JsonManual extends HttpClient {
  #pending: { readonly cursor: string; readonly upTo: UpTo } | undefined;
  #turn = 0;
  /** Where it lets records gather before it reads all of them. */
  readonly #restMs: number;

  constructor(base: string, name: string, recorder: Recorder, restMs = 0) {
    super(base, name, recorder);
    this.#restMs = restMs;
  }

  protected override async readOnce(signal: AbortSignal): Promise<void> {
    const pending = this.#pending;
    this.#pending = undefined;
    const acknowledging = pending === undefined ? "manual" : encodeURIComponent(pending.cursor);
    const { answer, upTo } = await this.answer(`&ack=${acknowledging}`, "manual", signal, () => {
      if (pending !== undefined) this.recorder.acked(this.name, pending.upTo);
    });
    const caughtUp = answer.records.length < LIMIT / 20;
    if (this.#restMs > 0 && caughtUp) await sleep(this.#restMs, undefined, { signal });
    if (answer.records.length === 0 && answer.gaps.length === 0) return;
    this.#turn += 1;
    if (this.#turn % 2 === 0) {
      this.#pending = { cursor: answer.cursor, upTo };
      return;
    }
    const body = { reader: this.name, cursor: answer.cursor };
    await textOf(await ask({ url: `${this.base}/data/ack`, method: "POST", body, agent: this.agent, signal }));
    this.recorder.acked(this.name, upTo);
  }

  protected override get patienceMs(): number {
    return super.patienceMs + this.#restMs;
  }
}

/** Lines, a connection for each answer, as curl has it: that it is closed in order is the evidence. */
export class Lines extends HttpClient {
  protected override async readOnce(signal: AbortSignal): Promise<void> {
    const call = this.recorder.fetch(this.name, "auto");
    try {
      const url = `${this.base}/data?reader=${this.name}&limit=${LIMIT}&wait=1`;
      const headers = { accept: "application/x-ndjson" };
      const text = await textOf(await ask({ url, headers, agent: false, signal }));
      const lines = text
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => JSON.parse(line) as JsonRecord | { gap: JsonGap });
      call.batch(
        lines.flatMap((line) => ("gap" in line ? [] : [received(line)])),
        lines.flatMap((line) => ("gap" in line ? [toldGap(line.gap)] : [])),
      );
      call.end("whole");
    } catch (error) {
      call.end(error instanceof Refused ? "refused" : "broken", why(error, signal));
      throw error;
    }
  }
}

/** Server-sent events as a browser takes them, with Last-Event-ID. */
export class Events extends HttpClient {
  #lastId = "";
  /** What had been received when that id came. */
  #upTo: Record<string, number> = {};

  protected override get patienceMs(): number {
    return 2 ** 31 - 1;
  }

  protected override async readOnce(signal: AbortSignal): Promise<void> {
    const call = this.recorder.fetch(this.name, "tail");
    const resumed = this.#lastId;
    let acknowledges = resumed !== "";
    try {
      const url = `${this.base}/data?reader=${this.name}`;
      // As a proxy has to say that it is there (RFC 9110, 7.6.3): then only Last-Event-ID counts.
      const via = { via: "1.1 between" };
      const headers = { accept: "text/event-stream", ...via, ...(resumed === "" ? {} : { "last-event-id": resumed }) };
      const response = await ask({ url, headers, agent: false, signal });
      response.setEncoding("utf8");
      let text = "";
      for await (const chunk of response) {
        text += chunk as string;
        const events = text.split("\n\n");
        text = events.pop() ?? "";
        for (const event of events) {
          const { name, data, id } = parse(event);
          if (name === "error") throw new Error(data);
          if (id === undefined && data === undefined) continue;
          // It goes on behind the id that it was told: all before is acknowledged.
          if (acknowledges) this.recorder.acked(this.name, this.#upTo);
          acknowledges = false;
          if (data !== undefined && name === "gap") call.batch([], [toldGap(JSON.parse(data) as JsonGap)]);
          else if (data !== undefined) call.batch([received(JSON.parse(data) as JsonRecord)], []);
          if (id === undefined) continue;
          this.#lastId = id;
          this.#upTo = { ...this.#upTo, ...call.upTo };
        }
      }
      call.end(response.complete ? "whole" : "broken");
    } catch (error) {
      call.end(error instanceof Refused ? "refused" : "broken", why(error, signal));
      throw error;
    }
  }
}

function parse(event: string): { name: string; data?: string; id?: string } {
  let name = "message";
  let data: string | undefined;
  let id: string | undefined;
  for (const line of event.split("\n")) {
    if (line.startsWith("event: ")) name = line.slice(7);
    else if (line.startsWith("data: ")) data = line.slice(6);
    else if (line.startsWith("id: ")) id = line.slice(4);
  }
  return { name, ...(data === undefined ? {} : { data }), ...(id === undefined ? {} : { id }) };
}
