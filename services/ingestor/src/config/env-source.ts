import type { EnvReader } from "@apispool/common/env.js";
import type { MapEntry, MapNode, Node } from "./node.js";
import type { Place, Problems } from "./problems.js";

/** Variables that make a single source, and the keys that they stand for. */
const variables = [
  ["SOURCE_URL", ["url"]],
  ["SOURCE_INTERVAL", ["interval"]],
  ["SOURCE_RECORDS", ["records"]],
  ["SOURCE_ID", ["id"]],
  ["SOURCE_EVENT_TIME", ["event_time"]],
  ["SOURCE_TIMEOUT", ["timeout"]],
  ["SOURCE_MAX_BYTES", ["max_bytes"]],
  ["SOURCE_AUTOSTART", ["autostart"]],
  ["DEDUP_WINDOW", ["dedup", "window"]],
] as const;

/** The variables that would be passed over where there is a file. */
export const sourceVariables = [
  ...variables.map(([name]) => name).filter((name) => name.startsWith("SOURCE_")),
  "SOURCE_NAME",
  "SOURCE_HEADERS",
];

/** The configuration that a few variables make: one source, without a file. */
export function sourceFromEnv(env: EnvReader, problems: Problems): MapNode {
  const name = env.string("SOURCE_NAME", "default");
  const entries = new Map<string, MapEntry>();
  if (env.string("SOURCE_URL") === undefined) {
    problems.addLast(
      placeOf("SOURCE_URL"),
      "must be set: the http:// or https:// address of the API to poll; or write apispool.yaml",
    );
  }
  // Quicker than a file's sources: this is for trying things out.
  entries.set("interval", entry("SOURCE_INTERVAL", text("SOURCE_INTERVAL", "2s")));
  for (const [variable, [key, inner]] of variables) {
    const value = env.string(variable);
    if (value === undefined) continue;
    const node = text(variable, value);
    entries.set(
      key,
      entry(variable, inner === undefined ? node : map(variable, new Map([[inner, entry(variable, node)]]))),
    );
  }
  const address = entries.get("url");
  if (address !== undefined) withoutUser(env.string("SOURCE_URL", ""), entries);
  const headers = headersFromEnv(env, problems);
  if (headers !== undefined) entries.set("headers", entry("SOURCE_HEADERS", headers));
  const source = map("SOURCE_URL", entries);
  const sources = map("SOURCE_NAME", new Map([[name, entry("SOURCE_NAME", source)]]));
  return map("SOURCE_URL", new Map([["sources", entry("SOURCE_NAME", sources)]]));
}

/** A user and password in the address are basic authentication. */
function withoutUser(address: string, entries: Map<string, MapEntry>): void {
  const url = URL.parse(address);
  if (url === null || (url.username === "" && url.password === "")) return;
  const variable = "SOURCE_URL";
  const part = (value: string): MapEntry => entry(variable, text(variable, value));
  entries.set(
    "auth",
    entry(
      variable,
      map(
        variable,
        new Map([
          ["type", part("basic")],
          ["username", part(decoded(url.username))],
          ["password", part(decoded(url.password))],
        ]),
      ),
    ),
  );
  url.username = "";
  url.password = "";
  entries.set("url", part(url.href));
}

/** A percent sign that encodes nothing stands for itself. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function headersFromEnv(env: EnvReader, problems: Problems): MapNode | undefined {
  const variable = "SOURCE_HEADERS";
  const json = env.string(variable);
  if (json === undefined) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    value = undefined;
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    // The value may hold credentials, so it is not repeated in the message.
    problems.add(placeOf(variable), 'must be a JSON object of strings, such as {"authorization":"Bearer …"}');
    return undefined;
  }
  const entries = new Map<string, MapEntry>();
  for (const [header, content] of Object.entries(value)) {
    const place = { ...placeOf(variable), key: `${variable}.${header}` };
    if (typeof content !== "string") problems.add(place, "must be a string");
    else entries.set(header, { keyPlace: place, node: scalar(place, variable, content) });
  }
  return map(variable, entries);
}

function text(variable: string, value: string): Node {
  return scalar(placeOf(variable), variable, value);
}

/** A variable's value is taken as it is: what looks like a template in it is none. */
function scalar(place: Place, variable: string, value: string): Node {
  return { kind: "scalar", place, value, source: value, pieces: [{ variable, value }] };
}

function map(variable: string, entries: ReadonlyMap<string, MapEntry>): MapNode {
  return { kind: "map", place: placeOf(variable), entries };
}

function entry(variable: string, node: Node): MapEntry {
  return { keyPlace: placeOf(variable), node };
}

function placeOf(variable: string): Place {
  return { position: "", key: variable, line: 0, column: 0 };
}
