export const views = ["sources", "records", "history", "readers", "dead-letters"] as const;
export type ViewName = (typeof views)[number];

/** What the address asks for: `#/records?source=orders`. */
export interface Route {
  readonly view: ViewName;
  /** The source that is looked at; empty: all. */
  readonly source: string;
}

/** Total: an address that says nothing known is that of the first view. */
export function parseRoute(hash: string): Route {
  const [path = "", query = ""] = hash.replace(/^#\/?/, "").split("?", 2);
  const view = views.find((name) => name === path) ?? "sources";
  return { view, source: new URLSearchParams(query).get("source") ?? "" };
}

export function routeHash({ view, source }: Route): string {
  return source === "" ? `#/${view}` : `#/${view}?${new URLSearchParams({ source }).toString()}`;
}
