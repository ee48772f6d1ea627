import { type MessageInitShape, create } from "@bufbuild/protobuf";
import { type SeekRequest, SeekRequestSchema } from "@apispool/contracts/apispool/v1/data_reader_pb.js";
import type { FieldProblem } from "@apispool/common/errors.js";
import { timeOf } from "./json-text.js";
import type { SeekBody } from "./openapi/data-api.js";

/** What is wrong with fields that each may be right by itself. */
export function seekProblems({ to, sources }: Partial<SeekBody>): FieldProblem[] {
  if (typeof to !== "object" || to === null || !Array.isArray(sources) || sources.length === 0) return [];
  const kind = "cursor" in to ? "cursor" : "offsets" in to ? "offsets" : undefined;
  if (kind === undefined) return [];
  return [{ field: "sources", problem: `does not go with to.${kind}, which says it itself` }];
}

/** What was asked for in the body of `POST /data/seek`. */
export function seekRequest({ reader = "", to, sources = [] }: SeekBody): SeekRequest {
  return create(SeekRequestSchema, { reader, sources, to: placeOf(to) });
}

/** What a field of SeekRequest is called in the body. */
export function seekFieldName(field: string): string {
  if (field === "timestamp") return "to";
  return field === "cursor" ? "to.cursor" : field.replace(/^offsets\.positions/, "to.offsets");
}

function placeOf(to: SeekBody["to"]): Exclude<MessageInitShape<typeof SeekRequestSchema>["to"], undefined> {
  if (typeof to === "string") {
    const at = timeOf(to);
    if (at !== undefined) return { case: "timestamp", value: at };
    return { case: to === "latest" ? "latest" : "earliest", value: {} };
  }
  if ("cursor" in to) return { case: "cursor", value: to.cursor };
  const positions = to.offsets.map(({ offset, ...rest }) => ({ ...rest, offset: BigInt(offset) }));
  return { case: "offsets", value: { positions } };
}
