import { PollError } from "../poll-error.js";
import { hostAllowed } from "./allow-hosts.js";
import type { Piece } from "./interpolate.js";
import type { TemplateValues } from "./source-config.js";
import { type CompiledTemplate, compileFills, type Fill, present, type TemplateContext } from "./template.js";
import { encodeText, textOf } from "./template-filters.js";
import { TemplateError } from "./template-parse.js";

export interface UrlContext extends TemplateContext {
  readonly allowHosts: readonly string[];
}

export interface UrlTemplate extends CompiledTemplate {
  /** The whole address comes out of the parent's record. */
  readonly fromAnswer: boolean;
}

/**
 * Compiles an address. What is filled in is percent-encoded unless it says `| raw`, so that an id with a slash or a
 * question mark stays an id; and whatever is filled in, the request goes to the scheme and host that the file names.
 * Throws TemplateError.
 */
export function compileUrl(pieces: readonly Piece[], context: UrlContext): UrlTemplate {
  const { fills, ...template } = compileFills(pieces, context);
  const [first] = fills;
  if (first?.kind === "value" && first.head.kind === "parent" && first.filters.includes("raw")) {
    if (context.allowHosts.length === 0) {
      throw new TemplateError(
        "the whole address comes out of the parent's record; name the hosts it may lead to in allow_hosts",
      );
    }
    return { ...template, fromAnswer: true, render: (values) => renderForeign(fills, values, context) };
  }
  const origin = literalOrigin(fills);
  const render = (values: TemplateValues): string => renderUrl(fills, origin, values, context);
  // Shows now what would fail at every poll.
  if (template.constant) tryOut(() => render({ cursor: undefined, lastPoll: undefined, now: 0, parent: undefined }));
  return { ...template, fromAnswer: false, render };
}

function literalOrigin(fills: readonly Fill[]): string {
  const firstValue = fills.findIndex((fill) => fill.kind === "value");
  const before = fills
    .slice(0, firstValue === -1 ? undefined : firstValue)
    .map((fill) => (fill.kind === "literal" ? fill.text : ""))
    .join("");
  if (!/^https?:\/\//i.test(before)) throw new TemplateError("must begin with http:// or https:// and a host");
  const authority = /^https?:\/\/([^/?#\\]*)([/?#\\])?/i.exec(before);
  if (firstValue !== -1 && authority?.[2] === undefined) {
    throw new TemplateError("scheme and host cannot be filled in: write them out, with a / behind them");
  }
  if (authority?.[1]?.includes("@") === true)
    throw new TemplateError("must be without user and password; write them below auth");
  if (!URL.canParse(authority?.[0] ?? "")) throw new TemplateError("has no host that there could be");
  const literal = fills.map((fill) => (fill.kind === "literal" ? fill.text : "x")).join("");
  const hash = literal.indexOf("#");
  if (hash !== -1) throw new TemplateError("must be without #: what is behind it is never sent");
  if (hasDotSegment(literal)) throw new TemplateError("must be without . and .. between slashes");
  return new URL(authority?.[0] ?? "").origin;
}

function renderUrl(fills: readonly Fill[], origin: string, values: TemplateValues, context: UrlContext): string {
  let text = "";
  // The same without what is raw, which may do to the path what it likes.
  let guarded = "";
  for (const fill of fills) {
    const raw = fill.kind === "value" && fill.filters.includes("raw");
    const piece = fill.kind === "literal" ? fill.text : filledIn(fill, values, context, !guarded.includes("?"));
    text += piece;
    guarded += raw ? "x" : piece;
  }
  if (hasDotSegment(guarded)) {
    throw failure(context, 'fills in "." or "..", which would lead to another path');
  }
  const url = URL.parse(text);
  if (url === null) throw failure(context, "leads to something that is no address");
  if (url.origin !== origin || url.username !== "" || url.password !== "") {
    throw failure(context, `leads away from ${origin}, where the file says it goes`);
  }
  return url.href;
}

function filledIn(
  fill: Extract<Fill, { kind: "value" }>,
  values: TemplateValues,
  context: UrlContext,
  inPath: boolean,
) {
  const value = present(fill.value(values), fill, context);
  const text = textOf(value, context.label);
  if (inPath && text === "") throw failure(context, "fills in an empty text, which would lead to another path");
  return value.kind === "text" && value.safe ? text : encodeText(text);
}

function renderForeign(fills: readonly Fill[], values: TemplateValues, context: UrlContext): string {
  const text = fills
    .map((fill) => (fill.kind === "literal" ? fill.text : filledIn(fill, values, context, false)))
    .join("");
  const url = URL.parse(text);
  const http = url !== null && /^https?:$/.test(url.protocol) && url.username === "" && url.password === "";
  if (!http) throw failure(context, "leads to something that is no http:// or https:// address");
  if (!hostAllowed(url.hostname, context.allowHosts)) {
    throw new PollError(`${context.label} leads to ${url.hostname}, which is not in allow_hosts`, { kind: "blocked" });
  }
  return url.href;
}

function hasDotSegment(text: string): boolean {
  const path = /^https?:\/\/[^/?#\\]*([^?#]*)/i.exec(text)?.[1] ?? "";
  return path.split(/[/\\]/).some((segment) => /^(\.|%2e){1,2}$/i.test(segment.replaceAll(/[\t\r\n]/g, "")));
}

function tryOut(work: () => unknown): void {
  try {
    work();
  } catch (error) {
    if (error instanceof PollError) throw new TemplateError("is no address", { cause: error });
    throw error;
  }
}

function failure({ label }: UrlContext, what: string): PollError {
  return new PollError(`${label} ${what}`, { kind: "config" });
}
