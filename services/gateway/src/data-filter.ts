import type { FetchUnreadRequest } from "@apispool/contracts/apispool/v1/data_reader_pb.js";
import { shown } from "./json-text.js";

type Wrong = (field: string, problem: string) => undefined;

/** The filters as they came in, by name; undefined where none was given. */
export interface RawFilter {
  readonly keys?: unknown;
  readonly headers?: unknown;
  readonly where?: unknown;
}

/** What filters are called in the query of `GET /data`, and in the body of `POST /data`. */
export const filterQueryNames = ["key", "header", "where"] as const;
export const filterBodyNames = ["keys", "headers", "where"] as const;

/** The filters in a query, `key=…&key=…&header=name:value&where=…`, as the body of `POST /data` would have them. */
export function filterFromUrl(query: URLSearchParams, wrong: Wrong): RawFilter {
  return {
    keys: query.has("key") ? query.getAll("key") : undefined,
    headers: query.has("header") ? headersFrom(query.getAll("header"), wrong) : undefined,
    where: query.get("where") ?? undefined,
  };
}

/** A name that came twice would have to have two values. */
function headersFrom(list: readonly string[], wrong: Wrong): Record<string, string> {
  const headers = new Map<string, string>();
  for (const [index, text] of list.entries()) {
    const field = list.length === 1 ? "header" : `header[${index}]`;
    const colon = text.indexOf(":");
    const name = text.slice(0, Math.max(0, colon));
    if (name === "") wrong(field, `is ${shown(text)}; it must be a header's name, ":" and its value`);
    else if (headers.has(name)) wrong(field, `names ${shown(name)} again; a name may come once`);
    headers.set(name, text.slice(colon + 1));
  }
  return Object.fromEntries(headers);
}

/** Checks filters in form, and tells `wrong` of what is not right; what an expression says the reader checks. */
export function filterOf(
  raw: RawFilter,
  keysName: string,
  wrong: Wrong,
): Pick<FetchUnreadRequest, "keys" | "headers" | "where"> {
  return {
    keys: keysOf(raw.keys, keysName, wrong),
    headers: headersOf(raw.headers, wrong),
    where: whereOf(raw, wrong),
  };
}

function keysOf(value: unknown, name: string, wrong: Wrong): string[] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) {
    wrong(name, `is ${shown(value)}; it must be a list of Kafka keys, or be left out for all`);
    return [];
  }
  const items: unknown[] = value;
  return items.flatMap((item, index) => {
    if (typeof item === "string" && item !== "") return [item];
    wrong(`${name}[${index}]`, `is ${shown(item)}; it must be a Kafka key`);
    return [];
  });
}

function headersOf(value: unknown, wrong: Wrong): Record<string, string> {
  if (value === undefined) return {};
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    wrong("headers", `is ${shown(value)}; it must be an object of header names and their values`);
    return {};
  }
  const headers: [string, string][] = [];
  for (const [name, one] of Object.entries(value) as [string, unknown][]) {
    if (typeof one === "string") headers.push([name, one]);
    else wrong(`headers.${name}`, `is ${shown(one)}; it must be a string`);
  }
  return Object.fromEntries(headers);
}

function whereOf({ where }: RawFilter, wrong: Wrong): string {
  if (where === undefined) return "";
  if (typeof where === "string" && where !== "") return where;
  wrong("where", where === "" ? "is empty; leave it out instead" : `is ${shown(where)}; it must be a JMESPath`);
  return "";
}
