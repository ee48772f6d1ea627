import { type MapEntry, type MapNode, type Node, type ScalarNode, plain } from "./node.js";
import type { Place } from "./problems.js";

/** A part of a validated configuration: its value by type, and where it stands. */
export class At<T> {
  readonly node: Node;

  constructor(node: Node) {
    this.node = node;
  }

  get place(): Place {
    return this.node.place;
  }

  get value(): T {
    return plain(this.node) as T;
  }

  /** Only for what the schema says is text, a number or a truth value. */
  get scalar(): ScalarNode {
    if (this.node.kind !== "scalar") throw new Error(`${this.place.key} was let through although it is no scalar`);
    return this.node;
  }

  get<K extends keyof T & string>(key: K): At<Exclude<T[K], undefined>> | undefined {
    const node = this.#map.entries.get(key)?.node;
    return node === undefined ? undefined : new At(node);
  }

  /** What the schema requires. */
  need<K extends keyof T & string>(key: K): At<Exclude<T[K], undefined>> {
    const found = this.get(key);
    if (found === undefined) throw new Error(`${this.place.key} was let through without ${key}`);
    return found;
  }

  /** Where a key's name stands. */
  keyPlace(key: keyof T & string): Place {
    return this.#map.entries.get(key)?.keyPlace ?? this.place;
  }

  entries(): readonly (readonly [key: string, at: At<T[keyof T]>, keyPlace: Place])[] {
    return [...this.#map.entries].map(([key, { node, keyPlace }]: [string, MapEntry]) => [
      key,
      new At<T[keyof T]>(node),
      keyPlace,
    ]);
  }

  /** The elements of a list; what is no list is its own only element. */
  items(): readonly At<T extends readonly (infer E)[] ? E : T>[] {
    return this.node.kind === "list" ? this.node.items.map((item) => new At(item)) : [new At(this.node)];
  }

  get #map(): MapNode {
    if (this.node.kind !== "map") throw new Error(`${this.place.key} was let through although it is no map`);
    return this.node;
  }
}
