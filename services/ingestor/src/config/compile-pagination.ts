import type { Static } from "typebox";
import type { At } from "./at.js";
import { expression, neededExpression } from "./compile-values.js";
import type { Problems } from "./problems.js";
import type { SourceFile } from "./schema.js";
import type { cursorPaging, nextUrl, offset, pageNumber, PaginationFile } from "./schema-pagination.js";
import type { PaginationConfig } from "./source-config.js";

/** How a source goes on to the next page; and that the answer can tell it. */
export function compilePagination(source: At<SourceFile>, problems: Problems): PaginationConfig {
  const at = source.get("pagination");
  const common = {
    maxPages: at?.get("max_pages")?.value ?? 1000,
    stopWhen: expression(at?.get("stop_when"), problems),
  };
  if (at === undefined) return { ...common, type: "none" };
  requireDocument(source, at, problems);
  const { type } = at.value;
  switch (type) {
    case "none":
    case "auto":
    case "link_header":
      return { ...common, type };
    case "next_url":
      return { ...common, type, path: neededExpression((at as At<Static<typeof nextUrl>>).need("path"), problems) };
    case "cursor":
      return { ...common, type, ...compileCursorPaging(source, at as At<Static<typeof cursorPaging>>, problems) };
    case "page": {
      const page = at as At<Static<typeof pageNumber>>;
      const sizeParam = page.get("size_param");
      const size = page.get("size");
      if (sizeParam !== undefined && size === undefined) {
        problems.add(sizeParam.place, "has no size to send; give size, or leave size_param out");
      }
      return {
        ...common,
        type,
        param: page.get("param")?.value ?? "page",
        first: page.get("first")?.value ?? 1,
        sizeParam: sizeParam?.value,
        size: size?.value,
        totalPages: expression(page.get("total_pages"), problems),
      };
    }
    case "offset": {
      const counted = at as At<Static<typeof offset>>;
      return {
        ...common,
        type,
        param: counted.get("param")?.value ?? "offset",
        first: counted.get("first")?.value ?? 0,
        limitParam: counted.get("limit_param")?.value ?? "limit",
        limit: counted.get("limit")?.value ?? 100,
        total: expression(counted.get("total"), problems),
      };
    }
  }
}

type CursorPaging = Extract<PaginationConfig, { type: "cursor" }>;

function compileCursorPaging(
  source: At<SourceFile>,
  at: At<Static<typeof cursorPaging>>,
  problems: Problems,
): Pick<CursorPaging, "from" | "into" | "hasMore"> {
  const from = at.need("from");
  const into = at.need("into");
  const inBody = (from as At<{ body?: string }>).get("body");
  const intoBody = (into as At<{ body?: string }>).get("body");
  const json = (source.get("body") as At<{ json?: unknown }> | undefined)?.get("json");
  if (intoBody !== undefined && json?.node.kind !== "map") {
    problems.add(
      intoBody.place,
      "goes into the JSON body, but the source has none; give body: {json: {…}}, or another place",
    );
  }
  return {
    from: inBody === undefined ? (from.value as { header: string }) : { body: neededExpression(inBody, problems) },
    into: into.value,
    hasMore: expression(at.get("has_more"), problems),
  };
}

/** Lines and csv have no document that could tell anything beside the records. */
function requireDocument(source: At<SourceFile>, at: At<PaginationFile>, problems: Problems): void {
  const format = source.get("format")?.value ?? "json";
  if (format === "json" || format === "xml") return;
  const readers = new Set(["stop_when", "path", "has_more", "total_pages", "total"]);
  for (const [key, , place] of at.entries()) {
    if (readers.has(key)) problems.add(place, `reads the answer's document, but ${format} has none; leave ${key} out`);
  }
  const from = (at as At<Partial<Static<typeof cursorPaging>>>).get("from");
  if (from !== undefined && "body" in from.value) {
    problems.add(from.place, `reads the answer's document, but ${format} has none; take the cursor from a header`);
  }
}
