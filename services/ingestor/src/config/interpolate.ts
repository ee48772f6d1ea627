import { isSecretName } from "./secret-names.js";

/** A part of a text: as written, or filled in from a variable of the environment. */
export type Piece = string | { readonly variable: string; readonly value: string };

/** A variable's value; undefined where it is not set or empty. */
export type Lookup = (variable: string) => string | undefined;

export interface Interpolated {
  readonly pieces: readonly Piece[];
  readonly problems: readonly string[];
}

const placeholder = /\$\$\{|\$\{([^}]*)(\}?)/g;

/** Fills in `${NAME}` and `${NAME:-default}`; `$${` is a `${` that stays. */
export function interpolate(text: string, lookup: Lookup): Interpolated {
  const pieces: Piece[] = [];
  const problems: string[] = [];
  let done = 0;
  for (const match of text.matchAll(placeholder)) {
    if (match.index > done) pieces.push(text.slice(done, match.index));
    done = match.index + match[0].length;
    if (match[0] === "$${") {
      pieces.push("${");
      continue;
    }
    const [, inside = "", end] = match;
    const [, variable, fallback] = /^([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?$/s.exec(inside) ?? [];
    if (end === "" || variable === undefined) {
      problems.push("has a ${ that is no variable; write ${NAME} or ${NAME:-default}, and $${ for a ${ that stays");
      continue;
    }
    const value = lookup(variable) ?? fallback;
    if (value === undefined)
      problems.push(`the variable ${variable} is not set; set it, or write \${${variable}:-default}`);
    else pieces.push({ variable, value });
  }
  if (done < text.length || pieces.length === 0) pieces.push(text.slice(done));
  return { pieces, problems };
}

/** What is sent. */
export function filledIn(pieces: readonly Piece[]): string {
  return pieces.map((piece) => (typeof piece === "string" ? piece : piece.value)).join("");
}

/** What can be shown: no variable is filled in. */
export function asWritten(pieces: readonly Piece[]): string {
  return pieces.map((piece) => (typeof piece === "string" ? piece : `\${${piece.variable}}`)).join("");
}

/** What stays the same when a secret changes: only variables whose name does not speak of one are filled in. */
export function withoutSecrets(pieces: readonly Piece[]): string {
  return pieces.map((piece) => (typeof piece === "string" ? piece : withoutSecret(piece))).join("");
}

export function withoutSecret({ variable, value }: Exclude<Piece, string>): string {
  return isSecretName(variable) ? `\${${variable}}` : value;
}
