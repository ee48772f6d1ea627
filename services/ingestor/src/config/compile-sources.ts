import { At } from "./at.js";
import { compileSource } from "./compile-source.js";
import { withDefaults } from "./merge.js";
import { didYouMean } from "./nearest.js";
import type { MapNode } from "./node.js";
import type { Problems } from "./problems.js";
import type { SourceFile } from "./schema.js";
import type { SourceConfig } from "./source-config.js";

type Sources = ReadonlyMap<string, At<SourceFile>>;

/** All the sources of a file, and what has to fit between them. */
export function compileSources(
  sources: MapNode,
  defaults: MapNode | undefined,
  problems: Problems,
): readonly SourceConfig[] {
  const merged: Sources = new Map(
    [...sources.entries].flatMap(([name, { node }]) =>
      node.kind === "map" ? [[name, new At<SourceFile>(withDefaults(node, defaults))]] : [],
    ),
  );
  checkNames(sources, problems);
  checkParents(merged, problems);
  return [...merged].map(([name, at]) => compileSource(name, at, problems));
}

/** Kafka takes "." and "_" in topics for the same where it makes metrics, and refuses the second. */
function checkNames(sources: MapNode, problems: Problems): void {
  const seen = new Map<string, string>();
  for (const [name, { keyPlace }] of sources.entries) {
    const folded = name.replaceAll(".", "_");
    const other = seen.get(folded);
    if (other !== undefined) {
      problems.add(
        keyPlace,
        `differs from "${other}" only by "." and "_", which Kafka takes for the same; choose another name`,
      );
    }
    seen.set(folded, name);
  }
}

function checkParents(sources: Sources, problems: Problems): void {
  for (const [name, at] of sources) {
    const parent = at.get("parent");
    if (parent === undefined) continue;
    const others = [...sources.keys()].filter((other) => other !== name);
    if (parent.value === name) {
      problems.add(parent.place, "is the source itself; must be another source");
    } else if (!sources.has(parent.value)) {
      problems.add(
        parent.place,
        `there is no source of that name${didYouMean(parent.value, others)}; there are ${others.join(", ") || "no others"}`,
      );
    } else {
      const circle = circleFrom(name, sources);
      // Said once, at the first of its members.
      if (circle !== undefined && circle.toSorted()[0] === name) {
        problems.add(
          parent.place,
          `goes round in a circle: ${[...circle, name].join(" → ")}; one of them must have no parent`,
        );
      }
    }
  }
}

function circleFrom(name: string, sources: Sources): readonly string[] | undefined {
  const way = [name];
  for (;;) {
    const next = sources.get(way.at(-1) ?? "")?.get("parent")?.value;
    if (next === name) return way;
    if (next === undefined || way.includes(next)) return undefined;
    way.push(next);
  }
}
