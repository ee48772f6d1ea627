import { file } from "./schema.js";
import * as auth from "./schema-auth.js";
import * as paging from "./schema-pagination.js";
import { body, networkKeys, requestKeys, scheduleKeys, tls } from "./schema-request.js";
import * as source from "./schema.js";

/** A JSON Schema, as far as it is looked into here. */
export interface JsonSchema {
  readonly title?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly type?: string | readonly string[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly pattern?: string;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: boolean | JsonSchema;
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
}

/** Where a text stands in for something else. */
const variable = { type: "string", pattern: String.raw`\$\{[A-Za-z_]`, title: "a variable such as ${NAME}" };

/** The schema for editors: the one that checks, and wherever a value is checked, `${NAME}` may stand too. */
export function editorSchema(): unknown {
  return {
    $schema: "http://json-schema.org/draft-07/schema#",
    $comment: "Written by `npm run generate:config` from services/ingestor/src/config/schema.ts.",
    ...(withVariables(structuredClone(file)) as object),
  };
}

function withVariables(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(withVariables);
  if (typeof schema !== "object" || schema === null) return schema;
  const { type, pattern, enum: allowed, const: fixed } = schema as JsonSchema;
  const narrowed = [type].flat().some((it) => it === "number" || it === "integer" || it === "boolean");
  if (fixed === undefined && (narrowed || pattern !== undefined || allowed !== undefined)) {
    const { title, description, default: fallback, ...rest } = schema as JsonSchema;
    return { title, description, default: fallback, anyOf: [rest, variable] };
  }
  return Object.fromEntries(
    Object.entries(schema).map(([key, inner]) => [key, key === "propertyNames" ? inner : withVariables(inner)]),
  );
}

const rows = (schema: { readonly properties: unknown }): Readonly<Record<string, JsonSchema>> =>
  schema.properties as Readonly<Record<string, JsonSchema>>;

const own = (schema: { readonly properties: unknown }, common: object = {}): Readonly<Record<string, JsonSchema>> =>
  Object.fromEntries(Object.entries(rows(schema)).filter(([key]) => key !== "type" && !(key in common)));

/** The keys that every kind of pagination has. */
const everyPaging = own(paging.nonePaging);

/** The tables of docs/sources.md, by the name of their marker. */
export function referenceTables(): Readonly<Record<string, string>> {
  const all = rows(source.source);
  const pick = (...keys: readonly string[]) => Object.fromEntries(keys.map((key) => [key, all[key] ?? {}]));
  return {
    file: table((file as JsonSchema).properties ?? {}, ["sources"]),
    kafka: table((file as JsonSchema).properties?.["kafka"]?.properties ?? {}),
    request: table(requestKeys),
    body: table(Object.assign({}, ...variants(body).map((it) => it.properties ?? {})) as Record<string, JsonSchema>),
    auth: kinds(auth.auth, []),
    secret: table(
      Object.assign({}, ...variants(auth.bearer.properties.token).map((it) => it.properties ?? {})) as Record<
        string,
        JsonSchema
      >,
    ),
    schedule: table(scheduleKeys),
    network: table(networkKeys),
    tls: table(own(tls)),
    extract: table(
      pick("format", "charset", "csv", "records", "id", "event_time", "key", "filter", "project", "max_record_bytes"),
    ),
    csv: table(own(source.csv)),
    cursor: table(rows(paging.cursor), ["field"]),
    paging: table(everyPaging),
    "paging-kinds": kinds(paging.pagination, Object.keys(everyPaging)),
    limits: table(pick("rate_limit", "retry", "dedup", "topic", "parent", "autostart")),
    rate_limit: table(own(source.rateLimit), ["requests"]),
    retry: table(own(source.retry)),
    dedup: table(own(source.dedup)),
    topic: table(own(source.topic)),
  };
}

function variants(schema: unknown): readonly JsonSchema[] {
  const { anyOf, oneOf } = schema as JsonSchema;
  return anyOf ?? oneOf ?? [];
}

function kinds(schema: unknown, without: readonly string[]): string {
  const lines = variants(schema).flatMap(({ properties = {}, required = [] }) => {
    const { type, ...rest } = properties;
    const keys = Object.entries(rest).filter(([key]) => !without.includes(key));
    const head = `| **\`${String(type?.const)}\`** | | | ${cell(type?.description ?? "")} |`;
    return [head].concat(keys.map(([key, it]) => row(key, it, required.includes(key))));
  });
  return [...heading, ...lines].join("\n");
}

/** The builder's types say what a value is, not that it is a schema. */
function table(keys: Readonly<Record<string, object>>, required: readonly string[] = []): string {
  return [
    ...heading,
    ...Object.entries(keys).map(([key, it]) => row(key, it as JsonSchema, required.includes(key))),
  ].join("\n");
}

const heading = ["| key | what | default | meaning |", "| --- | --- | --- | --- |"];

function row(key: string, schema: JsonSchema, required: boolean): string {
  const what = schema.title ?? [schema.type ?? "any value"].flat().join(" or ");
  return `| \`${key}\` | ${cell(what)} | ${required ? "required" : fallback(schema.default)} | ${cell(schema.description ?? "")} |`;
}

function fallback(value: unknown): string {
  if (value === undefined || JSON.stringify(value) === "{}") return "";
  if (JSON.stringify(value) === '{"type":"none"}') return "`type: none`";
  return `\`${typeof value === "string" ? value : JSON.stringify(value)}\``;
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|");
}

/** Every key that the schema knows, by the way to it: `auth.bearer.token`. */
export function everyKey(schema: JsonSchema = file as JsonSchema): ReadonlySet<string> {
  const keys = new Set<string>(Object.keys(schema.properties ?? {}));
  const inside = [
    ...Object.values(schema.properties ?? {}),
    ...(schema.anyOf ?? []),
    ...(schema.oneOf ?? []),
    ...(schema.items === undefined ? [] : [schema.items]),
    ...(typeof schema.additionalProperties === "object" ? [schema.additionalProperties] : []),
  ];
  for (const inner of inside) for (const key of everyKey(inner)) keys.add(key);
  return keys;
}

/** Puts the tables between `<!-- keys: name -->` and `<!-- /keys -->`. */
export function withTables(markdown: string): string {
  const tables = referenceTables();
  return markdown.replace(
    /(<!-- keys: (\S+) -->\n)[^]*?(<!-- \/keys -->)/g,
    (_all, begin: string, name: string, end: string) => {
      const found = tables[name];
      if (found === undefined)
        throw new Error(`there is no table "${name}"; there are ${Object.keys(tables).join(", ")}`);
      return `${begin}${found}\n${end}`;
    },
  );
}
