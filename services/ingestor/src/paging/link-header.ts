/** One link of a Link header (RFC 8288). */
export interface Link {
  /** As it was sent; relative to the answer's address. */
  readonly target: string;
  /** Names in lower case. */
  readonly parameters: ReadonlyMap<string, string>;
}

const TARGET = /\s*<([^>]*)>/y;
const PARAMETER = /\s*;\s*([!#$%&'*+.^_`|~\w-]+)\s*(?:=\s*(?:"((?:[^"\\]|\\[^])*)"|([^\s",;]*)))?/y;
const SEPARATOR = /\s*[;\s]*(?:,[\s,]*|$)/y;

/**
 * All links of a header's value. What is malformed is passed over up to the next link, as RFC 8288 (appendix B) has it:
 * a next page is not lost because of a bad parameter.
 */
export function parseLinks(value: string): Link[] {
  const links: Link[] = [];
  for (let at = 0; at < value.length;) {
    const target = matchAt(TARGET, value, at);
    if (target === undefined) {
      const next = value.indexOf("<", at + 1);
      if (next === -1) break;
      at = next;
      continue;
    }
    at = TARGET.lastIndex;
    const parameters = new Map<string, string>();
    for (let found = matchAt(PARAMETER, value, at); found !== undefined; found = matchAt(PARAMETER, value, at)) {
      at = PARAMETER.lastIndex;
      const [, name = "", quoted, plain = ""] = found;
      const text = quoted === undefined ? plain : quoted.replaceAll(/\\([^])/g, "$1");
      // The first one counts where a name occurs twice.
      if (!parameters.has(name.toLowerCase())) parameters.set(name.toLowerCase(), text);
    }
    links.push({ target: target[1] ?? "", parameters });
    if (matchAt(SEPARATOR, value, at) === undefined) {
      const next = value.indexOf("<", at);
      if (next === -1) break;
      at = next;
    } else {
      at = SEPARATOR.lastIndex;
    }
  }
  return links;
}

/** The target of rel="next"; undefined where there is none. A link about another document than the answer is not it. */
export function nextLink(value: string | undefined): string | undefined {
  if (value === undefined) return undefined;
  const next = parseLinks(value).find(
    ({ parameters }) =>
      !parameters.has("anchor") && (parameters.get("rel") ?? "").toLowerCase().split(/\s+/).includes("next"),
  );
  return next?.target;
}

function matchAt(pattern: RegExp, value: string, at: number): RegExpExecArray | undefined {
  pattern.lastIndex = at;
  return pattern.exec(value) ?? undefined;
}
