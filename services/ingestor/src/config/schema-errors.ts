import type { ErrorObject } from "ajv";
import { didYouMean } from "./nearest.js";
import { isInterpolated, type MapNode, type Node, nodeAt, type NodePath, plain } from "./node.js";
import type { Place } from "./problems.js";
import { isSecretName } from "./secret-names.js";

/** Something that the schema does not allow. */
export interface Fault {
  /** What is taken away, so that the rest can be looked at; empty: nothing. */
  readonly path: NodePath;
  readonly place: Place;
  /** What was wrong; what is allowed. */
  readonly what: string;
}

interface Schema {
  readonly title?: string;
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly propertyNames?: Schema;
  readonly oneOf?: readonly Schema[];
  readonly const?: unknown;
}

/** Puts the validator's errors into words a person can act on. */
export function told(errors: readonly ErrorObject[], root: MapNode): readonly Fault[] {
  const faults = meant(errors).flatMap((error) => fault(error, root));
  // Several rules may object to one value (its length, its pattern): once is enough.
  return faults.filter((a, index) => faults.findIndex((b) => a.place === b.place) === index);
}

/** Where one of several shapes is allowed, only the errors of the one that was meant; else that none of them fits. */
function meant(errors: readonly ErrorObject[]): readonly ErrorObject[] {
  const kept: ErrorObject[] = [];
  for (const error of errors) {
    if (error.keyword !== "anyOf") {
      kept.push(error);
      continue;
    }
    const inside = kept.filter(({ schemaPath }) => schemaPath.startsWith(`${error.schemaPath}/`));
    const branchOf = ({ schemaPath }: ErrorObject): string =>
      schemaPath.slice(error.schemaPath.length + 1).split("/")[0] ?? "";
    const others = new Set(inside.filter((inner) => isOtherShape(inner, error)).map(branchOf));
    const right = new Set(inside.map(branchOf).filter((branch) => !others.has(branch)));
    for (const inner of inside) kept.splice(kept.indexOf(inner), 1);
    kept.push(...(right.size === 1 ? inside.filter((inner) => right.has(branchOf(inner))) : [error]));
  }
  return kept;
}

/** An error that says that another of the shapes was meant: of another type, or without its own key. */
function isOtherShape(inner: ErrorObject, outer: ErrorObject): boolean {
  return inner.instancePath === outer.instancePath && (inner.keyword === "type" || inner.keyword === "required");
}

function fault(error: ErrorObject, root: MapNode): readonly Fault[] {
  const path = stepsOf(error.instancePath);
  const node = nodeAt(root, path);
  if (node === undefined) return [];
  const schema = (error.parentSchema ?? {}) as Schema;
  const params = error.params as Readonly<Record<string, unknown>>;
  switch (error.keyword) {
    case "additionalProperties":
      return [unknownKey(path, node, String(params["additionalProperty"]), schema)];
    case "required":
      return [missingKey(path, node, String(params["missingProperty"]), schema)];
    case "discriminator":
      return [wrongType(path, node, params, schema)];
    case "propertyNames":
    // Said by the rule that the name breaks.
    case "oneOf":
      return [];
  }
  if (error.propertyName !== undefined) {
    const name = error.propertyName;
    return [
      {
        // It stays: what is below it is looked at all the same.
        path: [],
        place: keyPlace(node, name),
        what: `the name is not allowed; it must be ${allowed(schema)}`,
      },
    ];
  }
  if (isEmpty(node) && (/^min(Length|Items)$/.test(error.keyword) || plain(node) === null)) {
    return [{ path, place: node.place, what: `is empty; must be ${allowed(schema)}` }];
  }
  return [{ path, place: node.place, what: `${shown(node, path)} is wrong; must be ${allowed(schema)}` }];
}

function unknownKey(path: NodePath, node: Node, key: string, schema: Schema): Fault {
  const known = Object.keys(schema.properties ?? {});
  const what = `unknown key${didYouMean(key, known)}${known.length === 0 ? "" : `; allowed are ${known.join(", ")}`}`;
  return { path: [...path, key], place: keyPlace(node, key), what };
}

function missingKey(path: NodePath, node: Node, key: string, schema: Schema): Fault {
  const wanted = schema.properties?.[key];
  const kinds = schema.oneOf?.map((variant) => String(variant.properties?.["type"]?.const));
  const what = kinds === undefined ? allowed(wanted ?? {}) : `one of ${kinds.join(", ")}`;
  return { path, place: node.place, what: `${key} is missing; it must be ${what}` };
}

function wrongType(path: NodePath, node: Node, params: Readonly<Record<string, unknown>>, schema: Schema): Fault {
  const kinds = (schema.oneOf ?? []).map((variant) => String(variant.properties?.["type"]?.const));
  const type = node.kind === "map" ? node.entries.get("type")?.node : undefined;
  // That it is missing is said by "required".
  if (type === undefined)
    return { path, place: node.place, what: `type is missing; it must be one of ${kinds.join(", ")}` };
  const guess = isInterpolated(type) ? "" : didYouMean(String(params["tagValue"]), kinds);
  const what = `${shown(type, [...path, "type"])} is wrong${guess}; must be one of ${kinds.join(", ")}`;
  return { path, place: type.place, what };
}

function allowed({ title, type }: Schema): string {
  if (title !== undefined) return title;
  if (type === "string") return "text that is not empty";
  return type === "object" ? "a map" : `a ${[type ?? "value"].flat().join(" or ")}`;
}

/** The value, unless it came from the environment or may be a secret. */
function shown(node: Node, path: NodePath): string {
  if (node.kind !== "scalar") return node.kind === "map" ? "a map" : "a list";
  const inSecret = path.some((step) => step === "auth" || step === "headers" || step === "proxy");
  const hidden = isSecretName(String(path.at(-1))) || (inSecret && path.at(-1) !== "type");
  if (isInterpolated(node) || hidden) return "the value";
  return node.source.length > 60 ? "the value" : typeof node.value === "string" ? `"${node.source}"` : node.source;
}

function isEmpty(node: Node): boolean {
  if (node.kind === "scalar") return node.value === "" || node.value === null;
  return node.kind === "list" ? node.items.length === 0 : node.entries.size === 0;
}

function keyPlace(node: Node, key: string): Place {
  return (node.kind === "map" ? node.entries.get(key)?.keyPlace : undefined) ?? node.place;
}

/** The steps of a JSON Pointer. */
export function stepsOf(pointer: string): NodePath {
  return pointer
    .split("/")
    .slice(1)
    .map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"));
}
