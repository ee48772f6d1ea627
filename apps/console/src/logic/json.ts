export type TokenKind = "key" | "string" | "number" | "word" | "mark" | "space";

export interface Token {
  readonly kind: TokenKind;
  readonly text: string;
}

/** Beyond this a text is not taken apart: it would cost more than it helps. In characters. */
export const mostTokenised = 300_000;

const lexeme = /\s+|"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*|true|false|null|[{}[\],:]/gy;

/**
 * The parts of a JSON text, laid out with two spaces a level. The text is never parsed and printed: numbers beyond 2^53, the
 * order of keys and doubled keys stay as they are. Undefined when it is no JSON, or too long.
 */
export function prettyJson(text: string): readonly Token[] | undefined {
  if (text.length > mostTokenised) return undefined;
  const raw = lexemes(text);
  if (raw === undefined) return undefined;
  const tokens: Token[] = [];
  const indent = (depth: number): void =>
    void tokens.push({ kind: "space", text: `\n${"  ".repeat(Math.max(0, depth))}` });
  let depth = 0;
  for (const [index, part] of raw.entries()) {
    const next = raw[index + 1];
    if (part === "{" || part === "[") {
      tokens.push({ kind: "mark", text: part });
      depth += 1;
      if (next !== "}" && next !== "]") indent(depth);
    } else if (part === "}" || part === "]") {
      depth -= 1;
      const before = raw[index - 1];
      if (before !== "{" && before !== "[") indent(depth);
      tokens.push({ kind: "mark", text: part });
    } else if (part === ",") {
      tokens.push({ kind: "mark", text: part });
      indent(depth);
    } else if (part === ":") {
      tokens.push({ kind: "mark", text: ": " });
    } else {
      tokens.push({ kind: kindOf(part, next), text: part });
    }
  }
  return tokens;
}

function kindOf(part: string, next: string | undefined): TokenKind {
  if (part.startsWith('"')) return next === ":" ? "key" : "string";
  return /^[-\d]/.test(part) ? "number" : "word";
}

/** Without the space between them. */
function lexemes(text: string): string[] | undefined {
  const parts: string[] = [];
  lexeme.lastIndex = 0;
  while (lexeme.lastIndex < text.length) {
    const match = lexeme.exec(text);
    if (match === null) return undefined;
    if (match[0].trim() !== "") parts.push(match[0]);
  }
  return parts;
}
