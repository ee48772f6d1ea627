import { compareDecimals } from "./decimal.js";

type SourceReviver = (key: string, value: unknown, context: { readonly source?: string }) => unknown;

/** Source text access (ECMAScript 2026), which V8 has and TypeScript's library does not describe yet. */
const sourceJson = JSON as unknown as {
  parse(text: string, reviver: SourceReviver): unknown;
  rawJSON(text: string): unknown;
};

/** Numbers that a double may not hold: 16 digits or more, or an exponent. Inside strings it finds some too many. */
const RISKY = /[:,[]\s*-?(?:[\d.]{16}|[\d.]+[eE])/;

/**
 * The numbers of one JSON text, as they were written. JavaScript rounds what has more than about 16 digits, and two ids
 * would become one; but expressions need plain numbers to compare and add. So every number is a plain number, those that
 * would fall together are moved apart by the least step there is, and each leads back to its own text.
 */
export class ExactNumbers {
  readonly #texts = new Map<number, string>();

  /** The number that stands for a text. */
  take(text: string): number {
    let number = inRange(Number(text));
    for (;;) {
      const taken = this.#texts.get(number);
      if (taken === undefined) {
        this.#texts.set(number, text);
        return number;
      }
      if (taken === text || compareDecimals(taken, text) === 0) return number;
      number = nextNumber(number);
    }
  }

  /** A number as it was written; one that was computed as JavaScript writes it. */
  text(number: number): string {
    return this.#texts.get(number) ?? String(number);
  }
}

/** Which numbers a document was parsed with: pagination and records ask by the document. */
const numbersOf = new WeakMap<object, ExactNumbers>();

/** Parses JSON so that {@link numberText} and {@link printJson} know every number's own text. Throws as JSON.parse does. */
export function parseExact(text: string): unknown {
  const numbers = new ExactNumbers();
  const document = sourceJson.parse(text, (_key, value, { source }) =>
    typeof value === "number" && source !== undefined ? numbers.take(source) : value,
  );
  if (typeof document === "object" && document !== null) numbersOf.set(document, numbers);
  return document;
}

/** Parses JSON; exactly where its numbers need it, which costs about five times as much. Throws as JSON.parse does. */
export function parseDocument(text: string): unknown {
  return RISKY.test(text) ? parseExact(text) : (JSON.parse(text) as unknown);
}

/** A number that was found in a document, with every digit that was sent. */
export function numberText(document: unknown, number: number): string {
  const numbers = typeof document === "object" && document !== null ? numbersOf.get(document) : undefined;
  return numbers === undefined ? String(number) : numbers.text(number);
}

/** Prints what an expression made of a document, its numbers as they were sent. Undefined where JSON has no word for it. */
export function printJson(value: unknown, document: unknown): string | undefined {
  return JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === "number" && Number.isFinite(inner) ? sourceJson.rawJSON(numberText(document, inner)) : inner,
  );
}

/** What is beyond every double becomes the last one. */
function inRange(number: number): number {
  return Number.isFinite(number) ? number : Math.sign(number) * Number.MAX_VALUE;
}

const bits = new DataView(new ArrayBuffer(8));

/** The neighbour: away from zero below 1, towards it above, so that the range is never left. */
function nextNumber(number: number): number {
  bits.setFloat64(0, number);
  bits.setBigUint64(0, bits.getBigUint64(0) + (Math.abs(number) < 1 ? 1n : -1n));
  return bits.getFloat64(0);
}
