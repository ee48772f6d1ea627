import type { Variables } from "./services.js";

const feedPath = "/earthquakes/feed/v1.0/summary/all_week.geojson";

/** What the ingestor is to poll. */
export type Source =
  | { readonly kind: "demo"; /** Times real time. */ readonly speed?: number }
  | { readonly kind: "url"; readonly url: string; /** Undefined: from the host's name. */ readonly name?: string };

/** A demo unless SOURCE_URL is set. */
export function sourceFromEnv(env: Variables): Source {
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
 * @param demoAddress host:port of the demo API, as the ingestor sees it
 */
export function sourceVariables(source: Source, demoAddress: string, env: Variables): Readonly<Record<string, string>> {
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
