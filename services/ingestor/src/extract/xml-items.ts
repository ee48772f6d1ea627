import { XMLParser } from "fast-xml-parser";
import type { ExtractConfig } from "../config/source-config.js";
import { PollError } from "../poll-error.js";
import { contentHash } from "./content-hash.js";
import { beginning, refuseWebPage } from "./head.js";
import { valueAt } from "./json-path.js";
import type { JsonDocument } from "./json-items.js";
import { lookup } from "./lookup.js";
import type { RawItem } from "./raw-item.js";

const MOST_NESTED = 200;

const parser = new XMLParser({
  ignoreAttributes: false,
  attributeNamePrefix: "@",
  textNodeName: "#text",
  ignoreDeclaration: true,
  ignorePiTags: true,
  // Texts stay texts: 007 and 12345678901234567890 are no numbers to be rounded.
  parseTagValue: false,
  parseAttributeValue: false,
  // Character references such as &#233; too, which the parser counts as HTML's; a DTD's entities are refused below.
  htmlEntities: true,
  maxNestedTags: MOST_NESTED,
});

/** Lists that are found without being named: RSS 2.0, Atom, RSS 1.0. The first name tells which it is. */
const FEEDS = [
  ["rss", "channel", "item"],
  ["feed", "entry"],
  ["rdf:RDF", "item"],
] as const;

/** Takes a whole XML body (UTF-8, no mark) apart: attributes as "@name", text beside them as "#text". */
export function readXml(xml: Buffer, { records }: Pick<ExtractConfig, "records">): JsonDocument {
  const document = parse(xml.toString("utf8"));
  const values = records === undefined ? findElements(document) : elementsAt(document, records);
  return { document, items: { [Symbol.iterator]: () => toItems(values, document) } };
}

function parse(text: string): unknown {
  refuseWebPage(Buffer.from(text.slice(0, 512)), "XML");
  if (hasOwnDtd(text)) {
    throw new PollError("the answer is XML that defines entities of its own (a DTD), which is refused for safety");
  }
  try {
    return parser.parse(text, true) as unknown;
  } catch (error) {
    const why = error instanceof Error ? error.message.slice(0, 200) : "unreadable";
    throw new PollError(`the answer is not valid XML (${why}); it begins with: ${beginning(text)}`, { cause: error });
  }
}

/** Whether declarations stand before the root element: the way to entities that grow, or that read files. */
function hasOwnDtd(text: string): boolean {
  const prolog = /^(?:\s+|<\?[^]*?\?>|<!--[^]*?-->)*/.exec(text)?.[0] ?? "";
  return /^<!DOCTYPE[^>[]*\[/i.test(text.slice(prolog.length));
}

function elementsAt(document: unknown, records: NonNullable<ExtractConfig["records"]>): readonly unknown[] {
  const found = lookup(records, document);
  if (Array.isArray(found)) return found;
  if (found !== undefined && found !== null && found !== "") return [found];
  // XML has no empty lists: where the root is there, nothing inside it means none.
  const root = records.path?.[0];
  if (root === undefined || valueAt(document, [root]) !== undefined) return [];
  throw new PollError(`the answer has nothing at "${records.text}"; it is: ${namesOf(document).join(", ")}`);
}

function findElements(document: unknown): readonly unknown[] {
  for (const feed of FEEDS) {
    if (valueAt(document, [feed[0]]) !== undefined) return asList(valueAt(document, feed));
  }
  const [root = ""] = namesOf(document);
  const inside = valueAt(document, [root]);
  const names = namesOf(inside).filter((name) => !name.startsWith("@") && name !== "#text");
  const lists = names.filter((name) => Array.isArray(valueAt(inside, [name])));
  const [only] = lists.length > 0 ? lists : names;
  if (names.length === 0) return [];
  if (only !== undefined && (lists.length === 1 || names.length === 1)) return asList(valueAt(inside, [only]));
  const choice = (lists.length > 0 ? lists : names).map((name) => `"${root}.${name}"`).slice(0, 10);
  throw new PollError(`the answer has no list of its own kind; set records to the elements: ${choice.join(", ")}`);
}

function asList(value: unknown): readonly unknown[] {
  if (value === undefined || value === null) return [];
  return Array.isArray(value) ? value : [value];
}

function namesOf(value: unknown): string[] {
  return typeof value === "object" && value !== null ? Object.keys(value).slice(0, 50) : [];
}

function* toItems(values: readonly unknown[], document: unknown): Generator<RawItem> {
  for (const [i, found] of values.entries()) {
    // An element without attributes and children is parsed to its text alone.
    const value = typeof found === "string" ? { "#text": found } : found;
    const json = Buffer.from(JSON.stringify(value) ?? "null");
    yield { raw: json, hash: contentHash(json), place: `index ${i}`, read: () => ({ json, value, document }) };
  }
}
