import type { Comparator, Expression, Literal, Step } from "./expression.js";
import { whereLimits } from "./limits.js";
import { type Token, numberOf, shown, tokenAt } from "./tokens.js";
import { WhereError } from "./where-error.js";

/** Words that mean something where a path may begin, in any case; a member of such a name is put in quotes there. */
export const reserved: ReadonlySet<string> = new Set(["and", "or", "not", "exists", "true", "false", "null"]);

const comparators: ReadonlyMap<string, Comparator> = new Map([
  ["=", "="],
  ["==", "="],
  ["!=", "!="],
  ["<>", "!="],
  ["<", "<"],
  ["<=", "<="],
  [">", ">"],
  [">=", ">="],
]);

const words: ReadonlyMap<string, Literal> = new Map<string, Literal>([
  ["true", true],
  ["false", false],
  ["null", null],
]);

/**
 * Reads a condition such as `properties.mag >= 5 and not exists(properties.tsunami)`; docs/records.md has the grammar. Throws
 * a {@link WhereError}, whose text names the column, what was found and what is allowed there.
 */
export function parseWhere(text: string): Expression {
  if (text.length > whereLimits.length) {
    throw new WhereError(text, whereLimits.length, `it is longer than ${whereLimits.length} characters`);
  }
  return new Parser(text).parse();
}

/** Recursive descent, with one token of foresight. `or` binds less than `and`, and that less than `not`. */
class Parser {
  readonly #text: string;
  #token: Token;
  #depth = 0;
  #comparisons = 0;

  constructor(text: string) {
    this.#text = text;
    this.#token = tokenAt(text, 0, "name");
  }

  parse(): Expression {
    const expression = this.#either();
    if (this.#token.kind !== "end") throw this.#unexpected("and, or, or the end");
    return expression;
  }

  #either(): Expression {
    return this.#joined("or", "||", () => this.#both());
  }

  #both(): Expression {
    return this.#joined("and", "&&", () => this.#term());
  }

  #joined(kind: "and" | "or", mark: string, operand: () => Expression): Expression {
    const first = operand();
    if (!this.#is(kind, mark)) return first;
    const operands = [first];
    while (this.#is(kind, mark)) {
      this.#next("name");
      operands.push(operand());
    }
    return { kind, operands };
  }

  #term(): Expression {
    if (this.#is("not", "!")) {
      return this.#within(() => {
        this.#next("name");
        return { kind: "not", operand: this.#term() };
      });
    }
    if (this.#is("(")) {
      return this.#within(() => {
        this.#next("name");
        const expression = this.#either();
        this.#take(")", "and, or, or )");
        return expression;
      });
    }
    this.#comparisons += 1;
    if (this.#comparisons > whereLimits.comparisons)
      throw this.#error(`there are more than ${whereLimits.comparisons} comparisons`);
    return this.#is("exists") ? this.#exists() : this.#compare();
  }

  #exists(): Expression {
    this.#next("name");
    this.#take("(", `( and a path, as in exists(a.b); a member named "exists" is put in quotes`);
    const path = this.#path();
    this.#take(")", ")");
    return { kind: "exists", path };
  }

  #compare(): Expression {
    const path = this.#path();
    const comparator = this.#token.kind === "sign" ? comparators.get(this.#token.text) : undefined;
    if (comparator === undefined) throw this.#unexpected("=, !=, <, <=, > or >=");
    this.#next("value");
    const { at } = this.#token;
    const literal = this.#literal();
    if ((literal === null || typeof literal === "boolean") && comparator !== "=" && comparator !== "!=") {
      throw new WhereError(this.#text, at, `${String(literal)} can be compared by = and != alone`);
    }
    return { kind: "compare", path, comparator, literal };
  }

  /** A path, which begins with a member's name or an index. */
  #path(): Step[] {
    const allowed = "a path such as properties.mag, not, exists( or (";
    const path: Step[] = [];
    if (this.#is("[")) path.push(this.#bracket());
    else if (this.#token.kind === "name" && reserved.has(this.#token.text.toLowerCase())) {
      throw this.#unexpected(`${allowed}; a member of that name is put in double quotes`);
    } else if (this.#token.kind === "single") {
      throw this.#unexpected(`${allowed}; a member's name is put in double quotes`);
    } else path.push(this.#member(allowed));
    for (;;) {
      if (this.#is(".")) {
        this.#next("name");
        path.push(this.#member("a member's name"));
      } else if (this.#is("[")) path.push(this.#bracket());
      else return path;
      if (path.length > whereLimits.steps) throw this.#error(`a path has at most ${whereLimits.steps} steps`);
    }
  }

  #member(allowed: string): string {
    const { kind, value } = this.#token;
    if (kind !== "name" && kind !== "double") throw this.#unexpected(allowed);
    this.#next("name");
    return value;
  }

  /** `[0]`, `[-1]`, `["odd name"]` */
  #bracket(): Step {
    this.#next("value");
    const { kind, text, value } = this.#token;
    let step: Step;
    if (kind === "double" || kind === "single") step = value;
    else {
      const index = kind === "number" && /^-?[0-9]+$/.test(text) ? numberOf(text) : undefined;
      if (index === undefined || Math.abs(index) > whereLimits.index) {
        throw this.#unexpected(
          `a whole number from ${-whereLimits.index} to ${whereLimits.index}, or a name in quotes`,
        );
      }
      step = index;
    }
    this.#next("name");
    this.#take("]", "]");
    return step;
  }

  #literal(): Literal {
    const { kind, text, value } = this.#token;
    const allowed = "a number, text in quotes, true, false or null";
    let literal: Literal | undefined;
    if (kind === "single" || kind === "double") literal = value;
    else if (kind === "number") {
      literal = numberOf(text);
      if (literal === undefined) throw this.#unexpected(`a number as JSON writes it, such as 5, -0.25 or 1e3`);
    } else if (kind === "name") {
      literal = words.get(text.toLowerCase());
      if (literal === undefined) throw this.#unexpected(`${allowed}; text is put in quotes: ${shown(text)}`);
    }
    if (literal === undefined) throw this.#unexpected(allowed);
    this.#next("name");
    return literal;
  }

  #within<T>(parse: () => T): T {
    this.#depth += 1;
    if (this.#depth > whereLimits.depth)
      throw this.#error(`more than ${whereLimits.depth} parentheses and nots are within each other`);
    const result = parse();
    this.#depth -= 1;
    return result;
  }

  /** Whether the token is one of these words (in any case) or signs. */
  #is(...wanted: readonly string[]): boolean {
    const { kind, text } = this.#token;
    return (kind === "sign" || kind === "name") && wanted.includes(text.toLowerCase());
  }

  #take(sign: string, allowed: string): void {
    if (!this.#is(sign)) throw this.#unexpected(allowed);
    this.#next("name");
  }

  #next(expects: "value" | "name"): void {
    this.#token = tokenAt(this.#text, this.#token.at + this.#token.text.length, expects);
  }

  #unexpected(allowed: string): WhereError {
    const { kind, text } = this.#token;
    return this.#error(`found ${kind === "end" ? "the end" : shown(text)}; allowed here: ${allowed}`);
  }

  #error(problem: string): WhereError {
    return new WhereError(this.#text, this.#token.at, problem);
  }
}
