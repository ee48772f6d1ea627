import type { Place } from "./problems.js";
import type { Piece } from "./interpolate.js";

/** A value of the configuration that knows where it stands and which parts of it came from the environment. */
export type Node = ScalarNode | ListNode | MapNode;

export interface ScalarNode {
  readonly kind: "scalar";
  readonly place: Place;
  readonly value: string | number | boolean | null;
  /** As it was written, variables filled in: 1.10 stays 1.10. */
  readonly source: string;
  readonly pieces: readonly Piece[];
}

export interface ListNode {
  readonly kind: "list";
  readonly place: Place;
  readonly items: readonly Node[];
}

export interface MapNode {
  readonly kind: "map";
  readonly place: Place;
  readonly entries: ReadonlyMap<string, MapEntry>;
}

export interface MapEntry {
  readonly keyPlace: Place;
  readonly node: Node;
}

/** The names and numbers on the way to a node. */
export type NodePath = readonly (string | number)[];

/** Whether any part of it came from the environment: then no message repeats it. */
export function isInterpolated(node: Node): boolean {
  return node.kind === "scalar" && node.pieces.some((piece) => typeof piece !== "string");
}

/** The value without its places. */
export function plain(node: Node): unknown {
  switch (node.kind) {
    case "scalar":
      return node.value;
    case "list":
      return node.items.map(plain);
    case "map":
      // From entries, not by assignment: a key may be "__proto__".
      return Object.fromEntries([...node.entries].map(([key, entry]) => [key, plain(entry.node)]));
  }
}

export function nodeAt(root: Node, path: NodePath): Node | undefined {
  let at: Node | undefined = root;
  for (const step of path) at = at === undefined ? undefined : child(at, step);
  return at;
}

/** A copy with another node at a path; undefined takes it away. */
export function withNode(root: MapNode, path: NodePath, node: Node | undefined): MapNode {
  const changed = replaced(root, path, node);
  return changed?.kind === "map" ? changed : { ...root, entries: new Map() };
}

function replaced(at: Node, [step, ...rest]: NodePath, node: Node | undefined): Node | undefined {
  if (step === undefined) return node;
  if (at.kind === "list") {
    const items = at.items.flatMap((item, index) =>
      index === Number(step) ? [replaced(item, rest, node)].filter((it) => it !== undefined) : [item],
    );
    return { ...at, items };
  }
  if (at.kind !== "map") return at;
  const entry = at.entries.get(String(step));
  if (entry === undefined) return at;
  const entries = new Map(at.entries);
  const inner = replaced(entry.node, rest, node);
  if (inner === undefined) entries.delete(String(step));
  else entries.set(String(step), { ...entry, node: inner });
  return { ...at, entries };
}

function child(node: Node, step: string | number): Node | undefined {
  if (node.kind === "list") return node.items[Number(step)];
  return node.kind === "map" ? node.entries.get(String(step))?.node : undefined;
}
