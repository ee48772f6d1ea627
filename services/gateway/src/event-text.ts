import type { Batch } from "./batch.js";
import { type DataWriter, gapJson } from "./data-text.js";
import { RecordSplicer } from "./record-splicer.js";

// Server-sent events (WHATWG HTML, section 9.2). JSON text has no line break in it, and its fields cannot break the framing.

/** One event; without a name it is a `message`. */
export function eventText(data: unknown, { name, id }: { readonly name?: string; readonly id?: string } = {}): string {
  return `${name === undefined ? "" : `event: ${name}\n`}data: ${JSON.stringify(data)}\n${idLine(id ?? "")}\n`;
}

/** How long a client is to wait before it connects again, in milliseconds; holds until it is told otherwise. */
export function retryText(ms: number): string {
  return `retry: ${ms}\n\n`;
}

/** A comment, which shows both ends that the connection lives. */
export const heartbeatText = ":\n\n";

/**
 * A batch as events: a gap is an event `gap`, a record an ordinary one whose data is the record's line of NDJSON. The cursor
 * of a batch speaks of all of it, so the `id` is with the last event alone, behind its data: whoever is cut off before has
 * the id of the batch before, and comes back with that. A batch that has no event has an `id` that stands by itself,
 * which sets the client's last event id and shows it nothing.
 */
export class EventDataWriter implements DataWriter {
  readonly #records = new RecordSplicer("events");
  cursor = "";

  batch(batch: Batch): Uint8Array {
    const news = batch.cursor === this.cursor ? "" : idLine(batch.cursor);
    this.cursor = batch.cursor;
    const { hasRecords, gaps } = batch;
    const texts = gaps.map((gap, i) => {
      const last = !hasRecords && i === gaps.length - 1;
      return eventText(gapJson(gap), { name: "gap", ...(last ? { id: batch.cursor } : {}) });
    });
    if (hasRecords) return this.#records.batch(batch, texts.join(""), `${idLine(batch.cursor)}\n`);
    return Buffer.from(gaps.length > 0 ? texts.join("") : news === "" ? "" : `${news}\n`);
  }

  end(): string {
    return "";
  }
}

/** An empty id would make the client forget the one it has. */
function idLine(id: string): string {
  return id === "" ? "" : `id: ${id}\n`;
}
