import type { Piece } from "./interpolate.js";

/** Thrown when a template is wrong; its text says what and where. */
export class TemplateError extends Error {
  override readonly name = "TemplateError";
}

export interface Placeholder {
  readonly head: Head;
  readonly filters: readonly FilterCall[];
}

export type Head =
  | { readonly kind: "cursor" | "now" | "last_poll" }
  | { readonly kind: "parent"; readonly path: readonly string[] }
  | { readonly kind: "text"; readonly text: string };

export interface FilterCall {
  readonly name: string;
  readonly argument: string | undefined;
  /** Where it stands in the template, from 1. */
  readonly at: number;
}

/** Text to send as it is, or something to fill in. */
export type Part = Piece | Placeholder;

/** One character of the file, or a variable's whole value, which is never looked into. */
type Unit = string | { readonly variable: string; readonly value: string };

/** Takes a text apart at its `{{ … }}`. */
export function parseTemplate(pieces: readonly Piece[]): readonly Part[] {
  return new Parser(pieces.flatMap((piece): Unit[] => (typeof piece === "string" ? piece.split("") : [piece]))).parts();
}

const heads = ["cursor", "now", "last_poll"] as const;

class Parser {
  readonly #units: readonly Unit[];
  #at = 0;

  constructor(units: readonly Unit[]) {
    this.#units = units;
  }

  parts(): readonly Part[] {
    const parts: Part[] = [];
    let literal = "";
    const flush = (): void => {
      if (literal !== "") parts.push(literal);
      literal = "";
    };
    while (this.#at < this.#units.length) {
      if (this.#skip("{{")) {
        flush();
        parts.push(this.#placeholder());
        continue;
      }
      const unit = this.#units[this.#at++];
      if (typeof unit === "string") literal += unit;
      else if (unit !== undefined) {
        flush();
        parts.push(unit);
      }
    }
    flush();
    return parts;
  }

  #placeholder(): Placeholder {
    const begin = this.#at - 1;
    this.#spaces();
    const head = this.#head();
    const filters: FilterCall[] = [];
    this.#spaces();
    while (this.#skip("|")) {
      this.#spaces();
      const at = this.#at + 1;
      const name = this.#name() ?? this.#fail("a filter such as default('…') is expected behind |");
      filters.push({ name, at, argument: this.#argument() });
      this.#spaces();
    }
    if (this.#skip("}}")) return { head, filters };
    if (this.#at >= this.#units.length) this.#fail("the {{ is never closed with }}", begin);
    return this.#fail("}} or | is expected");
  }

  #head(): Head {
    const quoted = this.#quoted();
    if (quoted !== undefined) return { kind: "text", text: quoted };
    const at = this.#at + 1;
    const name = this.#name();
    if (name === "parent") return { kind: "parent", path: this.#path() };
    const known = heads.find((head) => head === name);
    if (known !== undefined) return { kind: known };
    return this.#fail(
      `${name === undefined ? "nothing that can be filled in" : `"${name}" cannot be filled in`}; cursor, now, last_poll, parent.… and '…' can`,
      at,
    );
  }

  /** `.a`, `.0`, `["odd name"]`. */
  #path(): readonly string[] {
    const path: string[] = [];
    for (;;) {
      if (this.#skip(".")) path.push(this.#name() ?? this.#fail("a name is expected behind the dot"));
      else if (this.#skip("[")) {
        path.push(this.#quoted() ?? this.#name() ?? this.#fail("a name in quotes or a number is expected behind ["));
        if (!this.#skip("]")) this.#fail("] is expected");
      } else return path.length > 0 ? path : this.#fail("parent needs a name behind it, such as parent.id");
    }
  }

  #argument(): string | undefined {
    this.#spaces();
    if (!this.#skip("(")) return undefined;
    this.#spaces();
    const argument =
      this.#quoted() ?? this.#number() ?? this.#fail("a text in quotes or a number is expected behind (");
    this.#spaces();
    if (!this.#skip(")")) this.#fail(") is expected");
    return argument;
  }

  #quoted(): string | undefined {
    const quote = this.#units[this.#at];
    if (quote !== "'" && quote !== '"') return undefined;
    const begin = ++this.#at;
    let text = "";
    for (;;) {
      const unit = this.#units[this.#at++];
      if (unit === undefined) return this.#fail(`the ${quote} is never closed`, begin);
      if (unit === quote) return text;
      if (unit === "\\") {
        const next = this.#units[this.#at++];
        text += typeof next === "string" ? next : this.#fail("a character is expected behind \\");
      } else text += typeof unit === "string" ? unit : unit.value;
    }
  }

  #number(): string | undefined {
    return this.#while(/[-0-9.]/);
  }

  #name(): string | undefined {
    return this.#while(/[A-Za-z0-9_$@-]/);
  }

  #spaces(): void {
    this.#while(/\s/);
  }

  #while(allowed: RegExp): string | undefined {
    let text = "";
    for (;;) {
      const unit = this.#units[this.#at];
      if (typeof unit !== "string" || !allowed.test(unit)) return text === "" ? undefined : text;
      text += unit;
      this.#at++;
    }
  }

  #skip(text: string): boolean {
    if (!text.split("").every((character, index) => this.#units[this.#at + index] === character)) return false;
    this.#at += text.length;
    return true;
  }

  #fail(what: string, at = this.#at + 1): never {
    throw new TemplateError(`${what} (character ${at})`);
  }
}
