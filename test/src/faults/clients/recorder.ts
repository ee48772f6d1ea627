import type { History, Seen, ToldGap, UpTo } from "../history.js";
import type { Upstreams } from "../upstreams.js";

/** A record as a client has received it. */
export interface Received {
  readonly source: string;
  readonly offset: number;
  readonly n: number;
}

/** One fetch, as it goes into the history. */
export interface Call {
  batch(records: readonly Received[], gaps: readonly ToldGap[]): void;
  end(how: "whole" | "broken" | "refused", why?: string): void;
  /** Up to where it has received each source. */
  readonly upTo: UpTo;
}

/** Writes down what clients do and get. */
export class Recorder {
  readonly #history: History;
  readonly #upstreams: Upstreams;
  #calls = 0;

  constructor(history: History, upstreams: Upstreams) {
    this.#history = history;
    this.#upstreams = upstreams;
  }

  reader(reader: string): void {
    this.#history.add({ kind: "reader", reader, sources: this.#upstreams.names });
  }

  fetch(reader: string, mode: "auto" | "manual" | "tail"): Call {
    this.#calls += 1;
    const call = this.#calls;
    const history = this.#history;
    const upTo: Record<string, number> = {};
    let ended = false;
    history.add({ kind: "fetch", call, reader, mode });
    return {
      upTo,
      batch: (records, gaps) => {
        if (records.length === 0 && gaps.length === 0) return;
        const bySource: Record<string, Seen[]> = {};
        for (const { source, offset, n } of records) {
          (bySource[source] ??= []).push([offset, n]);
          upTo[source] = Math.max(upTo[source] ?? 0, offset + 1);
        }
        history.add({ kind: "batch", call, records: bySource, gaps });
      },
      end: (how, why) => {
        if (ended) return;
        ended = true;
        history.add({ kind: "end", call, how, ...(why === undefined ? {} : { why }) });
      },
    };
  }

  acked(reader: string, upTo: UpTo): void {
    if (Object.keys(upTo).length > 0) this.#history.add({ kind: "acked", reader, upTo: { ...upTo } });
  }

  /** Byte for byte what the upstream said? */
  check(reader: string, { source, offset, n }: Received, id: number, text: string): void {
    if (this.#upstreams.text(source, n, id) !== text)
      this.#history.add({ kind: "damaged", source, offset, where: reader });
  }
}
