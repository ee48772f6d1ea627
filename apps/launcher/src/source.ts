import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Variables } from "./services.js";

const feedPath = "/earthquakes/feed/v1.0/summary/all_week.geojson";

/** What the ingestor is to poll. */
export type Source =
  | { readonly kind: "demo"; /** Times real time. */ readonly speed?: number }
  /** Whatever the file says. */
  | { readonly kind: "file"; readonly file: string }
  | { readonly kind: "url"; readonly url: string; /** Undefined: from the host's name. */ readonly name?: string };

const FILE = "apispool.yaml";

/** What a file says, where there is one; else what SOURCE_URL says; else a demo. Paths are seen from `root`. */
export function sourceFromEnv(env: Variables, root = "."): Source {
  const given = env["APISPOOL_CONFIG"]?.trim();
  if (given !== undefined && given !== "") return { kind: "file", file: resolve(root, given) };
  if (existsSync(join(root, FILE))) return { kind: "file", file: resolve(root, FILE) };
  const url = env["SOURCE_URL"]?.trim();
  if (url === undefined || url === "") return { kind: "demo" };
  return { kind: "url", url };
}

/** A source's name out of its address: `https://api.example.com/v1` gives `api.example.com`. */
export function nameFromUrl(url: string): string {
  if (!URL.canParse(url)) return "default";
  const name = new URL(url).hostname
    .replace(/^www\./, "")
    .replaceAll(/[^A-Za-z0-9._-]+/g, "-")
    .replaceAll(/^-+|-+$/g, "")
    .slice(0, 100);
  return name === "" ? "default" : name;
}

/**
 * The ingestor's SOURCE_ variables; what `env` sets already stays as it is.
 * Of a file only its path: it says all the rest.
 * @param demoAddress host:port of the demo API, as the ingestor sees it
 */
export function sourceVariables(source: Source, demoAddress: string, env: Variables): Readonly<Record<string, string>> {
  if (source.kind === "file") return { APISPOOL_CONFIG: source.file };
  const defaults: Readonly<Record<string, string>> =
    source.kind === "demo"
      ? {
          SOURCE_NAME: "quakes",
          SOURCE_RECORDS: "features",
          SOURCE_ID: "id",
          SOURCE_EVENT_TIME: "properties.time",
          SOURCE_INTERVAL: "2s",
        }
      : { SOURCE_NAME: source.name ?? nameFromUrl(source.url) };
  const variables: Record<string, string> = {
    SOURCE_URL: source.kind === "demo" ? `http://${demoAddress}${feedPath}` : source.url,
  };
  for (const [name, value] of Object.entries(defaults)) {
    const own = env[name]?.trim();
    variables[name] = own === undefined || own === "" ? value : own;
  }
  return variables;
}

/** What is polled, as people are shown it. */
export function shownSource(source: Source, polled: Variables): { name: string; url: string; demo: boolean } {
  if (source.kind === "file") return { name: "what stands in", url: source.file, demo: false };
  return { name: polled["SOURCE_NAME"] ?? "", url: polled["SOURCE_URL"] ?? "", demo: source.kind === "demo" };
}
