import type { Readable } from "node:stream";

/** How much of a refusal is read, in bytes, and how much of it is shown, in characters. */
const MOST_BYTES = 2048;
const MOST_CHARACTERS = 200;
/** How long it is waited for, in milliseconds: the status alone says nearly all. */
const LONGEST_MS = 2000;

/** What an API says about why it refuses: one short line, safe to show; undefined where it says nothing. Never throws. */
export async function readExcerpt(body: Readable, contentType: string | undefined): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  const timer = setTimeout(() => body.destroy(), LONGEST_MS);
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes >= MOST_BYTES) break;
    }
  } catch {
    // What came before it broke off may still say something.
  } finally {
    clearTimeout(timer);
    body.destroy();
  }
  const text = Buffer.concat(chunks).subarray(0, MOST_BYTES).toString("utf8");
  return excerptOf(text, contentType);
}

export function excerptOf(text: string, contentType = ""): string | undefined {
  const isHtml = /html/i.test(contentType) || /^\s*<(?:!doctype|html)/i.test(text);
  return oneLine(isHtml ? htmlTitle(text) : (messageOf(text) ?? text));
}

/** What a document says that is an error in the clothes of a success, such as GraphQL's; undefined where it is none. */
export function errorIn(document: unknown): string | undefined {
  if (typeof document !== "object" || document === null || Array.isArray(document)) return undefined;
  const { errors, error, message } = document as Readonly<Record<string, unknown>>;
  const sentence = sentenceIn({ errors, error, message }, 0);
  return sentence === undefined ? undefined : oneLine(sentence);
}

function oneLine(text: string): string | undefined {
  const line = text
    .replace(/\p{C}|\s/gu, " ")
    .replace(/\ufffd+$/, "")
    .replace(/ {2,}/g, " ")
    .trim();
  if (line === "") return undefined;
  return line.length > MOST_CHARACTERS ? `${line.slice(0, MOST_CHARACTERS - 1)}…` : line;
}

/** The sentence in a JSON answer: problem+json (RFC 9457), OAuth, and what most APIs do. */
function messageOf(text: string): string | undefined {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    // Cut at 2 kB, perhaps: the first such member is most likely still the right one.
    const match = /"(?:detail|message|error_description|title)"\s*:\s*("(?:[^"\\]|\\.)*")/.exec(text)?.[1];
    return match === undefined ? undefined : String(JSON.parse(match));
  }
  return sentenceIn(json, 0);
}

function sentenceIn(value: unknown, depth: number): string | undefined {
  if (typeof value === "string") return value;
  if (typeof value !== "object" || value === null || depth > 3) return undefined;
  if (Array.isArray(value)) return sentenceIn(value[0], depth + 1);
  const members = value as Readonly<Record<string, unknown>>;
  for (const name of ["detail", "message", "error_description", "error", "errors", "title", "reason"]) {
    const sentence = sentenceIn(members[name], depth + 1);
    if (sentence !== undefined && sentence !== "") return sentence;
  }
  return undefined;
}

function htmlTitle(text: string): string {
  const title = /<title[^>]*>([^<]*)/i.exec(text)?.[1];
  return title ?? text.replace(/<(script|style)[\s\S]*?<\/\1>/gi, " ").replace(/<[^>]*>?/g, " ");
}
