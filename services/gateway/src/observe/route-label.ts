import type { DescService } from "@bufbuild/protobuf";

/** Every path that can be asked for, as a label: a path that is not known is "other", so that nobody can make labels. */
export class RouteLabels {
  readonly #exact = new Set<string>();
  /** Paths with places to fill in, by how many segments they have. */
  readonly #templates: readonly { readonly template: string; readonly segments: readonly string[] }[];
  readonly #procedures = new Set<string>();

  /** `paths`: of the JSON API, with `{name}` for a segment that may be anything. */
  constructor(paths: readonly string[], services: readonly DescService[]) {
    for (const path of paths) if (!path.includes("{")) this.#exact.add(path);
    this.#templates = paths
      .filter((path) => path.includes("{"))
      .map((template) => ({ template, segments: template.split("/") }));
    for (const { typeName, methods } of services) {
      for (const { name } of methods) this.#procedures.add(`/${typeName}/${name}`);
    }
  }

  of(url: string): string {
    const path = url.replace(/^https?:\/\/[^/?]*/i, "").split("?", 1)[0] ?? "";
    if (this.#exact.has(path) || this.#procedures.has(path)) return path;
    if (path === "" && this.#exact.has("/")) return "/";
    const given = path.split("/");
    const found = this.#templates.find(
      ({ segments }) =>
        segments.length === given.length &&
        segments.every((segment, i) => (segment.startsWith("{") ? given[i] !== "" : segment === given[i])),
    );
    return found?.template ?? "other";
  }

  /** Whether it is a method of a service, whatever the protocol. */
  isProcedure(label: string): boolean {
    return this.#procedures.has(label);
  }
}
