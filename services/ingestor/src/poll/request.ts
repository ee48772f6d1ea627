import type { BodyConfig, JsonTemplate, RequestConfig, TemplateValues } from "../config/source-config.js";
import type { HttpRequest } from "../http/http-client.js";
import type { PagePatch } from "../paging/paginator.js";

/** The request for one page: the configured one, filled in, and changed as the page asks for. */
export function renderRequest(config: RequestConfig, values: TemplateValues, patch: PagePatch): HttpRequest {
  const headers: Record<string, string> = {};
  for (const [name, value] of config.headers) headers[name.toLowerCase()] = value.render(values);
  const body = config.body === undefined ? undefined : renderBody(config.body, values, patch.body ?? {});
  if (body !== undefined) headers["content-type"] ??= body.contentType;
  for (const [name, value] of Object.entries(patch.headers ?? {})) headers[name.toLowerCase()] = value;
  return {
    method: config.method,
    url: renderUrl(config, values, patch),
    headers,
    ...(body === undefined ? {} : { body: body.bytes }),
    fromAnswer: patch.url !== undefined || config.urlFromAnswer,
  };
}

function renderUrl(config: RequestConfig, values: TemplateValues, patch: PagePatch): string {
  // An address out of an answer is whole: what the first request asked for is in it.
  const configured = patch.url ?? config.url.render(values);
  const added = [
    ...(patch.url === undefined ? config.query.map(([name, value]) => [name, value.render(values)] as const) : []),
    ...Object.entries(patch.query ?? {}),
  ];
  // Untouched where nothing is added: parsing and printing would write some addresses differently.
  if (added.length === 0) return configured;
  const url = new URL(configured);
  for (const [name, value] of added) url.searchParams.set(name, value);
  return url.href;
}

function renderBody(
  config: BodyConfig,
  values: TemplateValues,
  patch: Readonly<Record<string, string>>,
): { bytes: Buffer; contentType: string } {
  switch (config.kind) {
    case "json": {
      const body = renderJson(config.value, values);
      for (const [path, value] of Object.entries(patch)) setAt(body, path.split("."), value);
      return { bytes: Buffer.from(JSON.stringify(body)), contentType: "application/json" };
    }
    case "form": {
      const form = new URLSearchParams();
      for (const [name, value] of config.fields) form.append(name, value.render(values));
      for (const [name, value] of Object.entries(patch)) form.set(name, value);
      return { bytes: Buffer.from(form.toString()), contentType: "application/x-www-form-urlencoded" };
    }
    case "text":
      return { bytes: Buffer.from(config.text.render(values)), contentType: config.contentType };
  }
}

function renderJson(template: JsonTemplate, values: TemplateValues): unknown {
  if (typeof template !== "object" || template === null) return template;
  if (Array.isArray(template)) return template.map((item: JsonTemplate) => renderJson(item, values));
  if (typeof (template as { render?: unknown }).render === "function") {
    return (template as { render: (values: TemplateValues) => string }).render(values);
  }
  return Object.fromEntries(
    Object.entries(template as Readonly<Record<string, JsonTemplate>>).map(([name, value]) => [
      name,
      renderJson(value, values),
    ]),
  );
}

function setAt(body: unknown, path: readonly string[], value: string): void {
  let at = body;
  for (const [i, name] of path.entries()) {
    if (typeof at !== "object" || at === null) return;
    const object = at as Record<string, unknown>;
    if (i === path.length - 1) object[name] = value;
    else object[name] ??= {};
    at = object[name];
  }
}
