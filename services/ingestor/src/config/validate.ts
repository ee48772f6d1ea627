import { Ajv, type ErrorObject } from "ajv";
import { isInterpolated, type MapNode, type Node, nodeAt, plain, withNode } from "./node.js";
import type { Problems } from "./problems.js";
import { file } from "./schema.js";
import { stepsOf, told } from "./schema-errors.js";

const check = new Ajv({
  allErrors: true,
  discriminator: true,
  verbose: true,
  strict: true,
  allowUnionTypes: true,
  // A map is required to have its `type` before its kind is known.
  strictRequired: false,
}).compile(file);

/**
 * Checks a configuration against the schema and returns what of it is right, so that what is wrong beyond the schema
 * is found in the same go.
 */
export function validate(root: MapNode, problems: Problems): MapNode {
  let at = coerced(root);
  // Each round takes away what was wrong; only the first speaks, the others clear up what leans on it.
  for (let round = 0; !check(plain(at)); round++) {
    const faults = told(check.errors ?? [], at);
    if (round === 0) for (const { place, what } of faults) problems.add(place, what);
    if (!faults.some(({ path }) => path.length > 0)) break;
    for (const { path } of faults.toReversed()) if (path.length > 0) at = withNode(at, path, undefined);
  }
  return at;
}

/** Variables are text; where a number or a truth value belongs, text that is one is taken for it. */
function coerced(root: MapNode): MapNode {
  if (check(plain(root))) return root;
  let at = root;
  for (const error of check.errors ?? []) {
    if (error.keyword !== "type") continue;
    const path = stepsOf(error.instancePath);
    const node = nodeAt(at, path);
    if (node === undefined || node.kind !== "scalar" || !isInterpolated(node)) continue;
    const value = asType(String(node.value), error);
    if (value !== undefined) at = withNode(at, path, { ...node, value } satisfies Node);
  }
  return at;
}

function asType(text: string, error: ErrorObject): number | boolean | undefined {
  const types = new Set([error.schema as string | readonly string[]].flat());
  if (types.has("boolean") && /^(true|false)$/.test(text.trim())) return text.trim() === "true";
  const numeric = types.has("number") || types.has("integer");
  return numeric && /^-?\d+(\.\d+)?$/.test(text.trim()) ? Number(text) : undefined;
}
