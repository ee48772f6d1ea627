import { isAlias, isMap, isPair, isScalar, isSeq, LineCounter, type Document, parseDocument } from "yaml";
import { filledIn, interpolate, type Lookup } from "./interpolate.js";
import type { MapEntry, MapNode, Node } from "./node.js";
import { keyInside, type Place, type Problems } from "./problems.js";

/** More than any person writes; a file of nested aliases can grow to billions. */
const mostNodes = 1_000_000;

/** Reads YAML into nodes that know their place, variables filled in. Undefined where the text is no YAML. */
export function readYaml(text: string, file: string, lookup: Lookup, problems: Problems): MapNode | undefined {
  const lines = new LineCounter();
  const place: PlaceAt = (offset, key) => {
    const { line, col } = lines.linePos(offset);
    return { position: `${file}:${line}:${col}`, key, line, column: col };
  };
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, version: "1.2" });
  for (const error of document.errors)
    problems.add(place(error.pos[0], ""), `is no YAML: ${hint(error.message, text)}`);
  if (problems.any) return undefined;
  const root = new Reader(document, place, lookup, problems).node(document.contents, "", undefined);
  if (root.kind === "map") return root;
  const empty = root.kind === "scalar" && root.value === null;
  problems.add(
    root.place,
    `${empty ? "is empty" : "is not a map of keys"}; write sources: with at least one source below it`,
  );
  return undefined;
}

function hint(message: string, text: string): string {
  const flow = /\{[^}\n"']*:\s*\$\{/.test(text);
  return message + (flow ? '; inside { } put quotes around a variable: "${NAME}"' : "");
}

type PlaceAt = (offset: number, key: string) => Place;

class Reader {
  readonly #document: Document;
  readonly #place: PlaceAt;
  readonly #lookup: Lookup;
  readonly #problems: Problems;
  readonly #open = new Set<unknown>();
  #count = 0;

  constructor(document: Document, place: PlaceAt, lookup: Lookup, problems: Problems) {
    this.#document = document;
    this.#place = place;
    this.#lookup = lookup;
    this.#problems = problems;
  }

  node(yaml: unknown, key: string, fallback: Place | undefined): Node {
    const range = rangeOf(yaml);
    const place = range === undefined ? (fallback ?? this.#place(0, key)) : this.#place(range, key);
    const nothing: Node = { kind: "scalar", place, value: null, source: "", pieces: [""] };
    if (++this.#count > mostNodes) {
      if (this.#count === mostNodes + 1) this.#problems.add(place, `the file has more than ${mostNodes} values`);
      return nothing;
    }
    const target = isAlias(yaml) ? yaml.resolve(this.#document) : yaml;
    if (this.#open.has(target)) {
      this.#problems.add(place, "contains itself; an alias must not lead to what it is in");
      return nothing;
    }
    if (isScalar(target)) return this.#scalar(target.value, target.source, place);
    this.#open.add(target);
    try {
      if (isSeq(target)) {
        const items = target.items.map((item, index) => this.node(item, keyInside(key, index), place));
        return { kind: "list", place, items };
      }
      if (isMap(target)) return { kind: "map", place, entries: this.#entries(target.items, key, place) };
    } finally {
      this.#open.delete(target);
    }
    return nothing;
  }

  #entries(pairs: readonly unknown[], key: string, place: Place): ReadonlyMap<string, MapEntry> {
    const entries = new Map<string, MapEntry>();
    const merged: [string, MapEntry][] = [];
    for (const pair of pairs) {
      if (!isPair(pair)) continue;
      const name = isScalar(pair.key) ? String(pair.key.source ?? pair.key.value) : undefined;
      const at = rangeOf(pair.key);
      const keyPlace = at === undefined ? place : this.#place(at, keyInside(key, name ?? "?"));
      if (name === undefined) {
        this.#problems.add(keyPlace, "is not a name; a key is text");
      } else if (name === "<<") {
        const inner = this.node(pair.value, key, keyPlace);
        for (const map of inner.kind === "list" ? inner.items : [inner]) {
          if (map.kind === "map") merged.push(...map.entries);
          else this.#problems.add(keyPlace, "must be a map, or a list of maps, whose keys are taken over");
        }
      } else {
        entries.set(name, { keyPlace, node: this.node(pair.value, keyInside(key, name), keyPlace) });
      }
    }
    for (const [name, entry] of merged) if (!entries.has(name)) entries.set(name, entry);
    return entries;
  }

  #scalar(value: unknown, source: string | undefined, place: Place): Node {
    if (typeof value !== "string") {
      const known = typeof value === "number" || typeof value === "boolean" ? value : null;
      const text = source ?? String(value);
      return { kind: "scalar", place, value: known, source: text, pieces: [text] };
    }
    const { pieces, problems } = interpolate(value, this.#lookup);
    if (problems.length > 0) this.#problems.addLast(place, problems.join("; "));
    const text = filledIn(pieces);
    return { kind: "scalar", place, value: text, source: text, pieces };
  }
}

function rangeOf(yaml: unknown): number | undefined {
  const range = (yaml as { readonly range?: readonly number[] | null } | null | undefined)?.range;
  return range?.[0];
}
