import { WhereError } from "./where-error.js";

export interface Token {
  /** `name`: a bare word; `sign`: an operator or a bracket; `double` and `single`: a text in quotes of that kind. */
  readonly kind: "name" | "number" | "double" | "single" | "sign" | "end";
  /** As it was written. */
  readonly text: string;
  /** What a text in quotes holds; else as `text`. */
  readonly value: string;
  /** Where it begins (UTF-16 units, from 0). */
  readonly at: number;
}

/** What a name may consist of without quotes. */
const NAME = "[\\p{L}\\p{M}\\p{Nd}_$@-]+";
const wholeName = new RegExp(`^${NAME}$`, "u");
const wholeNumber = /^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?$/;

/** Whether a member's name can be written without quotes, leaving aside that some words have a meaning at a path's beginning. */
export function isBareName(name: string): boolean {
  return wholeName.test(name);
}

const name = new RegExp(NAME, "uy");
/** Anything that was meant as a number, right or wrong, so that the error shows all of it. */
const number = /[-+]?\.?[0-9][0-9A-Za-z_.]*(?:(?<=[eE])[+-][0-9]+)?/y;
const sign = /&&|\|\||==|!=|<>|<=|>=|[=<>!()[\].,]/y;
const double = /"(?:[^"\\]|\\.)*"/sy;
const single = /'(?:[^']|'')*'/sy;
const blank = /[ \t\r\n]*/y;

function matchAt(pattern: RegExp, text: string, at: number): string | undefined {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0];
}

/**
 * Cuts a text into its tokens, one at a time. What a digit means depends on where it stands (`items.0` is a member, `0.5` a
 * number), so the parser says which of the two it expects.
 */
export function tokenAt(text: string, from: number, expects: "value" | "name"): Token {
  const at = from + (matchAt(blank, text, from) ?? "").length;
  const found = (kind: Token["kind"], written: string, value = written): Token => ({ kind, text: written, value, at });
  if (at >= text.length) return found("end", "");
  const first = text.charAt(at);
  if (first === '"') return found("double", ...quoted(text, at, double, fromJson));
  if (first === "'") return found("single", ...quoted(text, at, single, fromSql));
  if (expects === "value") {
    const digits = matchAt(number, text, at);
    if (digits !== undefined) return found("number", digits);
  }
  const word = matchAt(name, text, at);
  if (word !== undefined) return found("name", word);
  const mark = matchAt(sign, text, at);
  if (mark !== undefined) return found("sign", mark);
  throw new WhereError(
    text,
    at,
    `found ${shown(String.fromCodePoint(text.codePointAt(at) ?? 0))}, which means nothing here`,
  );
}

/** A number as JSON has it; undefined when it is none, or beyond what a double holds. */
export function numberOf(text: string): number | undefined {
  if (!wholeNumber.test(text)) return undefined;
  const value = Number(text);
  if (!Number.isFinite(value)) return undefined;
  return value === 0 ? 0 : value;
}

/** Something of the text, as an error shows it. */
export function shown(text: string): string {
  const short = text.length > 40 ? `${text.slice(0, 40)}…` : text;
  return JSON.stringify(short);
}

type Decoder = (written: string) => string | undefined;

function quoted(text: string, at: number, pattern: RegExp, decode: Decoder): [written: string, value: string] {
  const written = matchAt(pattern, text, at);
  if (written === undefined) throw new WhereError(text, at, `the text that begins with ${text.charAt(at)} has no end`);
  const value = decode(written);
  if (value === undefined) {
    throw new WhereError(
      text,
      at,
      `${shown(written)} is not text as JSON writes it; in single quotes a \\ is only that`,
    );
  }
  if (Buffer.from(value).toString() !== value) {
    throw new WhereError(text, at, `${shown(written)} holds half of a surrogate pair, which is no character`);
  }
  return [written, value];
}

function fromJson(written: string): string | undefined {
  try {
    return JSON.parse(written) as string;
  } catch {
    return undefined;
  }
}

function fromSql(written: string): string {
  return written.slice(1, -1).replaceAll("''", "'");
}
