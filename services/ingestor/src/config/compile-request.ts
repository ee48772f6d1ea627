import type { At } from "./at.js";
import { withoutSecrets } from "./interpolate.js";
import type { Node } from "./node.js";
import type { Problems } from "./problems.js";
import type { SourceFile } from "./schema.js";
import type { BodyFile } from "./schema-request.js";
import { isSecretName } from "./secret-names.js";
import type { BodyConfig, CursorConfig, JsonTemplate, RequestConfig, Template } from "./source-config.js";
import { type CompiledTemplate, compileTemplate, type TemplateContext } from "./template.js";
import { compileHeader } from "./template-header.js";
import { TemplateError } from "./template-parse.js";
import { compileUrl } from "./template-url.js";

export interface CompiledRequest {
  readonly config: RequestConfig;
  /** What the fingerprint is made of: no secret in it. */
  readonly identity: unknown;
  readonly usesParent: boolean;
}

type Named = readonly (readonly [name: string, value: Template])[];

/** Headers that come from the request itself. */
const ownHeaders = new Set([
  "content-length",
  "transfer-encoding",
  "connection",
  "keep-alive",
  "upgrade",
  "te",
  "trailer",
  "expect",
]);

/** What a source asks. Templates that are wrong are problems, and something harmless stands in for them. */
export function compileRequest(
  at: At<SourceFile>,
  cursor: CursorConfig | undefined,
  problems: Problems,
): CompiledRequest {
  const made: CompiledTemplate[] = [];
  const request = new RequestCompiler(cursor, at.get("parent") !== undefined, problems, made);
  const body = at.get("body");
  const method = at.get("method")?.value ?? (body === undefined ? "GET" : "POST");
  const urlAt = at.get("url");
  const url = urlAt === undefined ? undefined : request.url(urlAt, at.get("allow_hosts")?.value ?? []);
  if (urlAt === undefined) problems.add(at.place, "url is missing; it must be an http:// or https:// address");
  const headers = request.headers(at);
  const query = request.query(at);
  const { config, identity } = body === undefined ? { config: undefined, identity: null } : request.body(body);
  return {
    config: {
      method,
      url: url ?? nothing,
      shownUrl: urlAt === undefined ? "" : hideParameters(withoutSecrets(urlAt.scalar.pieces)),
      urlFromAnswer: url?.fromAnswer ?? false,
      headers,
      query,
      body: config,
    },
    identity: {
      method,
      url: hideParameters(url?.stable ?? ""),
      headers: headers.map(([name, value]) => [name.toLowerCase(), isSecretName(name) ? "" : stable(value)]),
      query: query.map(([name, value]) => [name, isSecretName(name) ? "" : stable(value)]),
      body: identity,
    },
    usesParent: made.some(({ usesParent }) => usesParent),
  };
}

const nothing: CompiledTemplate = { text: "", stable: "", constant: true, usesParent: false, render: () => "" };

class RequestCompiler {
  readonly #problems: Problems;
  readonly #made: CompiledTemplate[];
  readonly #context: Omit<TemplateContext, "label">;

  constructor(cursor: CursorConfig | undefined, parent: boolean, problems: Problems, made: CompiledTemplate[]) {
    this.#context = { cursor, parent };
    this.#problems = problems;
    this.#made = made;
  }

  url(at: At<string>, allowHosts: readonly string[]) {
    return this.#compile(at, (context) => compileUrl(at.scalar.pieces, { ...context, allowHosts }));
  }

  headers(at: At<SourceFile>): Named {
    const seen = new Set<string>();
    return (at.get("headers")?.entries() ?? []).map(([name, value, place]) => {
      const folded = name.toLowerCase();
      if (seen.has(folded)) this.#problems.add(place, "is there twice; upper and lower case are the same in headers");
      if (ownHeaders.has(folded)) this.#problems.add(place, "cannot be set: it follows from the request itself");
      seen.add(folded);
      return [name, this.#compile(value, (context) => compileHeader(value.scalar.pieces, context)) ?? nothing];
    });
  }

  query(at: At<SourceFile>): Named {
    return (at.get("query")?.entries() ?? []).flatMap(([name, value]) =>
      value.items().map((item): readonly [string, Template] => [name, this.#text(item)]),
    );
  }

  body(at: At<BodyFile>): { readonly config: BodyConfig; readonly identity: unknown } {
    const json = (at as At<{ json?: unknown }>).get("json");
    if (json !== undefined) {
      const value = this.#json(json.node);
      return { config: { kind: "json", value }, identity: { json: stableJson(value) } };
    }
    const form = (at as At<{ form?: Record<string, string> }>).get("form");
    if (form !== undefined) {
      const fields = form.entries().map(([name, value]): readonly [string, Template] => [name, this.#text(value)]);
      const identity = fields.map(([name, value]) => [name, isSecretName(name) ? "" : stable(value)]);
      return { config: { kind: "form", fields }, identity: { form: identity } };
    }
    const body = at as At<{ text: string; content_type?: string }>;
    const text = this.#text(body.need("text"));
    const contentType = body.get("content_type")?.value ?? "text/plain; charset=utf-8";
    return { config: { kind: "text", text, contentType }, identity: { text: stable(text), contentType } };
  }

  #json(node: Node): JsonTemplate {
    switch (node.kind) {
      case "list":
        return node.items.map((item) => this.#json(item));
      case "map":
        return Object.fromEntries([...node.entries].map(([name, entry]) => [name, this.#json(entry.node)]));
      case "scalar": {
        if (typeof node.value === "string") {
          return this.#compileAt(node, (context) => compileTemplate(node.pieces, context)) ?? nothing;
        }
        if (typeof node.value === "number" && Number.isInteger(node.value) && !Number.isSafeInteger(node.value)) {
          this.#problems.add(node.place, "the number has more digits than can be kept; write the body as text");
        }
        return node.value;
      }
    }
  }

  #text(at: At<unknown>): CompiledTemplate {
    return this.#compile(at, (context) => compileTemplate(at.scalar.pieces, context)) ?? nothing;
  }

  #compile<T extends CompiledTemplate>(at: At<unknown>, compile: (context: TemplateContext) => T): T | undefined {
    return this.#compileAt(at.node, compile);
  }

  #compileAt<T extends CompiledTemplate>({ place }: Node, compile: (context: TemplateContext) => T): T | undefined {
    try {
      const template = compile({ ...this.#context, label: place.key });
      this.#made.push(template);
      return template;
    } catch (error) {
      if (!(error instanceof TemplateError)) throw error;
      this.#problems.add(place, error.message);
      return undefined;
    }
  }
}

function stable(template: Template): string {
  return (template as CompiledTemplate).stable;
}

/** A number and a text that reads like it are not the same. */
function stableJson(value: JsonTemplate, name = ""): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (isList(value)) return value.map((item) => stableJson(item, name));
  if (isTemplate(value)) return isSecretName(name) ? "" : stable(value);
  return Object.entries(value).map(([key, item]) => [key, stableJson(item, key)]);
}

function isTemplate(value: object): value is Template {
  return typeof (value as Partial<Template>).render === "function";
}

function isList(value: object): value is readonly JsonTemplate[] {
  return Array.isArray(value);
}

/** Hides the parameters of an address whose names speak of secrets. */
function hideParameters(address: string): string {
  return address.replace(/([?&])([^=&#{]+)=((?:\{\{.*?\}\}|[^&#])*)/g, (all, before: string, name: string) =>
    isSecretName(name) ? `${before}${name}=***` : all,
  );
}
