import { isUtf8 } from "node:buffer";
import jmespath from "@jmespath-community/jmespath";
import { describeError } from "@apispool/common/errors.js";
import { part } from "@apispool/record-codec/wire-writer.js";

type Syntax = ReturnType<typeof jmespath.compile>;
type Json = Parameters<typeof jmespath.search>[0];

/** Longer ones are no filters, and take long to read. */
const MOST_CHARACTERS = 2000;
/** How many times its document an expression may write down: `[@, @]` does so twice, and each one behind it again. */
const MOST_COPIES = 1000;
/** Those that can make gigabytes of a few bytes. */
const withheld: ReadonlySet<string> = new Set(["pad_left", "pad_right", "replace"]);

/** Thrown for what is no usable expression; the text says what is wrong, and where. */
export class WhereError extends Error {
  override readonly name = "WhereError";
}

/** A condition on the values of records: a JMESPath whose result is true in JMESPath's sense. */
export class Where {
  readonly #syntax: Syntax;

  /** Throws a WhereError. */
  constructor(text: string) {
    if (text.length > MOST_CHARACTERS) {
      throw new WhereError(`has ${text.length} characters; it may have ${MOST_CHARACTERS} at most`);
    }
    this.#syntax = parse(text);
    for (const node of functionsIn(this.#syntax)) checkFunction(text, node);
    const copies = copiesOf(this.#syntax);
    if (copies > MOST_COPIES) {
      throw new WhereError(
        `writes its document down more than ${MOST_COPIES} times, by lists and objects in each other`,
      );
    }
  }

  /**
   * Whether some bytes are JSON for which it is true. What is no JSON does not pass, nor does a value on which the expression
   * fails, for example because a function gets a null.
   */
  passes(bytes: Buffer, from: number, length: number): boolean {
    if (length < 0 || !isUtf8(part(bytes, from, length))) return false;
    try {
      const document: unknown = JSON.parse(bytes.toString("utf8", from, from + length));
      return isTrue(jmespath.TreeInterpreter.search(this.#syntax, document as Json));
    } catch {
      return false;
    }
  }
}

/** JMESPath: false, null, and whatever is empty are false; everything else is true, 0 too. */
function isTrue(result: unknown): boolean {
  if (result === undefined || result === null || result === false || result === "") return false;
  // The library also finds what JavaScript adds to an object.
  if (typeof result === "function") return false;
  if (typeof result !== "object") return true;
  return Array.isArray(result) ? result.length > 0 : Object.keys(result).length > 0;
}

function parse(text: string): Syntax {
  try {
    return jmespath.compile(text);
  } catch (error) {
    const at = placeOfError(text);
    const where = at >= text.trimEnd().length ? "at its end" : `at character ${at + 1} ("${text.slice(at, at + 10)}")`;
    throw new WhereError(`is no JMESPath: wrong ${where}: ${describeError(error)}`, { cause: error });
  }
}

/** Where the first token stands that cannot be there; the library does not tell. The text's length: something is missing. */
function placeOfError(text: string): number {
  let readable = text.length;
  while (readable > 0 && !succeeds(() => jmespath.tokenize(text.slice(0, readable)))) readable -= 1;
  const tokens = jmespath.tokenize(text.slice(0, readable));
  for (const [i, { start }] of tokens.entries()) {
    const upTo = text.slice(0, tokens[i + 1]?.start ?? readable);
    try {
      jmespath.compile(upTo);
    } catch (error) {
      if (!/EOF/.test(describeError(error))) return start;
    }
  }
  return readable;
}

function succeeds(run: () => unknown): boolean {
  try {
    run();
    return true;
  } catch {
    return false;
  }
}

interface FunctionNode {
  readonly name: string;
  readonly arguments: number;
}

function checkFunction(text: string, { name, arguments: given }: FunctionNode): void {
  const tokens = jmespath.tokenize(text);
  const token = tokens.find(({ value }, i) => value === name && tokens[i + 1]?.value === "(");
  const at = `at character ${(token?.start ?? 0) + 1}`;
  if (!jmespath.isRegistered(name) || withheld.has(name)) {
    const known = jmespath.getRegisteredFunctions().filter((other) => !withheld.has(other));
    throw new WhereError(`${at}: there is no function ${name}(); there are ${known.sort().join(", ")}`);
  }
  // The library counts arguments before it looks at their types, and only when a record comes to it.
  const call = `${name}(${Array.from({ length: given }, () => "`null`").join(", ")})`;
  try {
    jmespath.search(null, call);
  } catch (error) {
    const problem = describeError(error);
    if (/\btakes\b/.test(problem)) throw new WhereError(`${at}: ${problem}`, { cause: error });
  }
}

function functionsIn(syntax: unknown): readonly FunctionNode[] {
  if (typeof syntax !== "object" || syntax === null) return [];
  const inner = innerOf(syntax).flatMap(functionsIn);
  const { type, name, children } = syntax as { readonly type?: unknown; name?: unknown; children?: unknown };
  if (type !== "Function" || typeof name !== "string") return inner;
  return [{ name, arguments: Array.isArray(children) ? children.length : 0 }, ...inner];
}

/** How many times the document can come to stand in the result, or somewhere on the way. */
function copiesOf(syntax: unknown): number {
  if (typeof syntax !== "object" || syntax === null) return 1;
  const inner = innerOf(syntax).map(copiesOf);
  const { type, children } = syntax as { readonly type?: unknown; readonly children?: unknown };
  const isList = (type === "MultiSelectList" || type === "MultiSelectHash") && Array.isArray(children);
  return (isList ? Math.max(1, children.length) : 1) * inner.reduce((product, one) => product * one, 1);
}

/** The parts of a part; what a literal holds is none. */
function innerOf(syntax: object): unknown[] {
  const { type } = syntax as { readonly type?: unknown };
  return Object.entries(syntax).flatMap(([key, value]) =>
    key === "value" && type === "Literal" ? [] : Array.isArray(value) ? (value as unknown[]) : [value as unknown],
  );
}
