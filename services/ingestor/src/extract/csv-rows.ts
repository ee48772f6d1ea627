import { parse, type Parser } from "csv-parse";
import { PartialLine, type WholeLine } from "./partial-line.js";

const NEWLINE = 0x0a;
const RETURN = 0x0d;

export type CsvRow =
  | { readonly cells: readonly string[]; readonly raw: Buffer; readonly line: number }
  | { readonly broken: WholeLine; readonly line: number; readonly reason: string };

/**
 * Rows of a CSV body that comes in pieces, each with its own bytes and the number of its first line. csv-parse stops at a
 * row that breaks the rules; then the line on which it began is reported, and a new parser goes on behind that line, so
 * that a quote that is never closed costs one line and not the rest of the body. What is kept is one row, or one piece.
 */
export class CsvRows {
  readonly #delimiter: string;
  readonly #maxBytes: number;
  #parser: Parser;
  /** Ends of rows that the parser has found, counted from where it began. */
  #found: { readonly cells: readonly string[]; readonly end: number }[] = [];
  /** The bytes from the beginning of the next row on, in pieces: joined only when a row in them is known. */
  #window: Buffer[] = [];
  /** What the parser has been given before the window. */
  #before = 0;
  #line = 1;
  /** A line that nothing can be made of, and whose end has not come yet. */
  #skipping: { readonly line: PartialLine; readonly reason: string } | undefined;

  constructor(delimiter: string, maxBytes: number) {
    this.#delimiter = delimiter;
    this.#maxBytes = maxBytes;
    this.#parser = this.#newParser();
  }

  async push(chunk: Buffer): Promise<CsvRow[]> {
    const rows: CsvRow[] = [];
    const rest = this.#skip(chunk, rows);
    if (rest.length > 0) await this.#parse(rest, false, rows);
    return rows;
  }

  async end(): Promise<CsvRow[]> {
    const rows: CsvRow[] = [];
    if (this.#skipping === undefined) await this.#parse(Buffer.alloc(0), true, rows);
    if (this.#skipping !== undefined) this.#endSkipping(this.#skipping, rows);
    return rows;
  }

  destroy(): void {
    this.#parser.destroy();
  }

  async #parse(chunk: Buffer, isEnd: boolean, rows: CsvRow[]): Promise<void> {
    this.#window.push(chunk);
    let pending = chunk;
    for (;;) {
      const reason = await this.#feed(pending, isEnd);
      if (reason === undefined && this.#found.length === 0) return;
      const rest = this.#takeFound(Buffer.concat(this.#window), rows);
      this.#window = [rest];
      if (reason === undefined) return;
      this.#restart();
      this.#skipping = { line: new PartialLine(this.#maxBytes), reason };
      pending = this.#skip(rest, rows);
      this.#window = [pending];
      if (pending.length === 0) return;
    }
  }

  /** Gives the parser a piece; the reason where a row breaks the rules. */
  #feed(chunk: Buffer, isEnd: boolean): Promise<string | undefined> {
    const parser = this.#parser;
    return new Promise((resolve) => {
      const done = (error?: Error | null): void => resolve(error?.message);
      parser.once("error", done);
      const fed = (error?: Error | null): void => {
        parser.off("error", done);
        // Its error event comes after this and has been told here.
        if (error !== undefined && error !== null) parser.on("error", () => undefined);
        done(error);
      };
      if (!isEnd) {
        parser.write(chunk, fed);
        return;
      }
      if (chunk.length > 0) parser.write(chunk);
      parser.end(fed);
      parser.resume();
    });
  }

  /** Hands out the rows that the parser has found in the window; what is behind them is left. */
  #takeFound(window: Buffer, rows: CsvRow[]): Buffer {
    let start = 0;
    for (const { cells, end } of this.#found) {
      const all = window.subarray(start, end - this.#before);
      start = end - this.#before;
      const raw = withoutNewlines(all);
      const leading = newlines(all.subarray(0, raw.byteOffset - all.byteOffset));
      rows.push({ cells, raw, line: this.#line + leading });
      this.#line += newlines(all);
    }
    this.#found = [];
    this.#before += start;
    return window.subarray(start);
  }

  /** Passes over the line that is being skipped; what is behind it is left. */
  #skip(chunk: Buffer, rows: CsvRow[]): Buffer {
    if (this.#skipping === undefined) return chunk;
    let start = 0;
    // Empty lines before the row were no part of it.
    if (this.#skipping.line.length === 0) {
      while (chunk[start] === NEWLINE || chunk[start] === RETURN) start += 1;
      this.#line += newlines(chunk.subarray(0, start));
    }
    const end = chunk.indexOf(NEWLINE, start);
    this.#skipping.line.add(chunk.subarray(start, end === -1 ? chunk.length : end));
    if (end === -1) return chunk.subarray(chunk.length);
    this.#endSkipping(this.#skipping, rows);
    return chunk.subarray(end + 1);
  }

  #endSkipping({ line, reason }: { readonly line: PartialLine; readonly reason: string }, rows: CsvRow[]): void {
    if (line.length > 0) rows.push({ broken: line.take(), line: this.#line, reason });
    this.#line += 1;
    this.#skipping = undefined;
  }

  #restart(): void {
    this.#parser.destroy();
    this.#parser = this.#newParser();
    this.#before = 0;
    this.#window = [];
  }

  #newParser(): Parser {
    return parse({
      delimiter: this.#delimiter,
      record_delimiter: ["\r\n", "\n"],
      skip_empty_lines: true,
      relax_column_count: true,
      max_record_size: this.#maxBytes,
      // Rows are taken here, at once, instead of from the stream, which would drop those before an error.
      on_record: (cells: string[], { bytes }) => {
        this.#found.push({ cells, end: bytes });
        return null;
      },
    });
  }
}

function withoutNewlines(bytes: Buffer): Buffer {
  let start = 0;
  let end = bytes.length;
  while (start < end && (bytes[start] === NEWLINE || bytes[start] === RETURN)) start += 1;
  while (end > start && (bytes[end - 1] === NEWLINE || bytes[end - 1] === RETURN)) end -= 1;
  return bytes.subarray(start, end);
}

function newlines(bytes: Buffer): number {
  let count = 0;
  for (let at = bytes.indexOf(NEWLINE); at !== -1; at = bytes.indexOf(NEWLINE, at + 1)) count += 1;
  return count;
}
