import jmespath from "@jmespath-community/jmespath";
import { describeError } from "@apispool/common/errors.js";
import { valueAt } from "../extract/json-path.js";
import { PollError } from "../poll-error.js";
import { didYouMean } from "./nearest.js";
import type { Expression } from "./source-config.js";

/** Thrown when an expression cannot be compiled; its text says what is wrong. */
export class ExpressionError extends Error {
  override readonly name = "ExpressionError";
}

type Syntax = ReturnType<typeof jmespath.compile>;
type Json = Parameters<typeof jmespath.search>[0];

/**
 * Names with dots between them. Wider than JMESPath's own names, which is what XML and many APIs need (`atom:id`,
 * `@href`, `created-at`); a number names an array's element.
 */
const plainPath = /^(?![@$](?:\.|$))[A-Za-z0-9_@$][A-Za-z0-9_@$:-]*(?:\.[A-Za-z0-9_@$][A-Za-z0-9_@$:-]*)*$/;

/** Compiles a JMESPath, or a JSON Pointer (RFC 6901) where the text begins with a slash. */
export function compileExpression(text: string): Expression {
  if (text.startsWith("/")) return pathExpression(text, parsePointer(text));
  const withoutRoot = text.replace(/^\$\.(?=[^.])/, "");
  if (plainPath.test(withoutRoot)) return pathExpression(text, withoutRoot.split("."));
  const syntax = parse(text);
  const quoted = namesOf(syntax);
  if (quoted !== undefined) return pathExpression(text, quoted);
  return { text, path: undefined, evaluate: (document) => search(text, syntax, document) };
}

function pathExpression(text: string, path: readonly string[]): Expression {
  return { text, path, evaluate: (document) => valueAt(document, path) ?? null };
}

function parsePointer(text: string): readonly string[] {
  if (/~(?![01])/.test(text)) throw new ExpressionError("a JSON Pointer writes ~ as ~0 and / as ~1");
  return text
    .slice(1)
    .split("/")
    .map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"));
}

function parse(text: string): Syntax {
  let syntax: Syntax;
  try {
    syntax = jmespath.compile(text);
  } catch (error) {
    throw new ExpressionError(describeError(error), { cause: error });
  }
  for (const name of functionsIn(syntax)) {
    if (jmespath.isRegistered(name)) continue;
    const known = jmespath.getRegisteredFunctions();
    throw new ExpressionError(
      `there is no function ${name}()${didYouMean(name, known)}; there are ${known.sort().join(", ")}`,
    );
  }
  return syntax;
}

function functionsIn(syntax: unknown): readonly string[] {
  if (typeof syntax !== "object" || syntax === null) return [];
  const inner = Object.entries(syntax).flatMap(([key, value]) => (key === "value" ? [] : functionsIn(value)));
  const { type, name } = syntax as { readonly type?: unknown; readonly name?: unknown };
  return type === "Function" && typeof name === "string" ? [name, ...inner] : inner;
}

/** The names of `"odd name".b`, which is a plain path too. */
function namesOf(syntax: Syntax): readonly string[] | undefined {
  if (syntax.type === "Field") return [syntax.name];
  if (syntax.type !== "Subexpression") return undefined;
  const left = namesOf(syntax.left);
  const right = namesOf(syntax.right);
  return left === undefined || right === undefined ? undefined : [...left, ...right];
}

function search(text: string, syntax: Syntax, document: unknown): unknown {
  try {
    const found: unknown = jmespath.TreeInterpreter.search(syntax, document as Json);
    // The library also finds what JavaScript adds to an object.
    return typeof found === "function" || found === undefined ? null : found;
  } catch (error) {
    throw new PollError(`"${text}" cannot be evaluated here: ${describeError(error)}`, {
      kind: "config",
      cause: error,
    });
  }
}
