import { isUtf8 } from "node:buffer";
import type { ExtractConfig } from "../config/source-config.js";
import { PollError } from "../poll-error.js";
import { contentHash } from "./content-hash.js";
import { type CsvRow, CsvRows } from "./csv-rows.js";
import { beginning } from "./head.js";
import type { LineLimits } from "./ndjson-items.js";
import { brokenItem, type ItemContent, ItemError, type RawItem } from "./raw-item.js";

const REPLACEMENT = "\uFFFD";

/** Each row as an object of texts, in the order of the header. Never more than one row, or one piece of the body, is kept. */
export async function* csvItems(
  chunks: AsyncIterable<Buffer>,
  csv: ExtractConfig["csv"],
  limits: LineLimits,
): AsyncGenerator<Iterable<RawItem>> {
  const rows = new CsvRows(csv.delimiter, limits.maxRecordBytes);
  const table = new Table(csv, limits);
  try {
    for await (const chunk of chunks) yield table.items(await rows.push(chunk));
    yield table.items(await rows.end());
  } finally {
    rows.destroy();
  }
}

class Table {
  readonly #limits: LineLimits;
  readonly #given: readonly string[] | undefined;
  #names: readonly string[] | undefined;
  #headerDue: boolean;

  constructor({ header, columns }: ExtractConfig["csv"], limits: LineLimits) {
    this.#limits = limits;
    this.#given = columns;
    this.#headerDue = header;
    this.#names = header ? undefined : columns;
  }

  items(rows: readonly CsvRow[]): RawItem[] {
    return rows.flatMap((row) => {
      if (!this.#headerDue) return [this.#item(row)];
      this.#headerDue = false;
      if ("broken" in row) {
        throw new PollError(
          `the header on line ${row.line} cannot be read (${row.reason}); it begins with: ${beginning(row.broken.bytes)}`,
        );
      }
      this.#names = this.#given ?? columnNames(row.cells);
      return [];
    });
  }

  #item(row: CsvRow): RawItem {
    const place = `line ${row.line}`;
    if ("broken" in row) {
      const { bytes, hash, length } = row.broken;
      const reason =
        hash === undefined ? row.reason : `it has ${length} bytes; ${this.#limits.maxRecordBytes} are allowed`;
      return brokenItem(bytes, hash ?? contentHash(bytes), place, reason);
    }
    const { cells, raw } = row;
    const names = (this.#names ??= columnNames(cells.map(() => "")));
    return { raw, hash: contentHash(raw), place, read: () => readRow(raw, cells, names, this.#limits) };
  }
}

function readRow(
  raw: Buffer,
  cells: readonly string[],
  names: readonly string[],
  { transcoded }: LineLimits,
): ItemContent {
  if (cells.length !== names.length) {
    throw new ItemError(`it has ${cells.length} columns where the header has ${names.length}`);
  }
  if (!isUtf8(raw)) throw new ItemError("it is not UTF-8 text; if the answer is in another charset, set charset to it");
  if (transcoded !== undefined && cells.some((cell) => cell.includes(REPLACEMENT))) {
    throw new ItemError(`it is not ${transcoded} text`);
  }
  const members = names.map((name, i) => [name, cells[i] ?? ""] as const);
  // Printed by hand: an object would put names such as "2024" before all others.
  const json = `{${members.map(([name, cell]) => `${JSON.stringify(name)}:${JSON.stringify(cell)}`).join(",")}}`;
  return { json: Buffer.from(json), value: Object.fromEntries(members), document: undefined };
}

/** The header's cells; one without a name, or with a name that is taken, gets one by its place. */
function columnNames(cells: readonly string[]): string[] {
  const taken = new Set<string>();
  return cells.map((cell, i) => {
    const name = cell.trim();
    let unique = name === "" ? `column_${i + 1}` : name;
    for (let n = 2; taken.has(unique); n += 1) unique = `${name === "" ? `column_${i + 1}` : name}_${n}`;
    taken.add(unique);
    return unique;
  });
}
