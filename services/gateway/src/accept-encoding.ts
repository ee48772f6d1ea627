import { httpError } from "./problem.js";

/** How a body may be coded for the way (RFC 9110, section 8.4.1; br: RFC 7932; zstd: RFC 8878). */
export type Coding = "identity" | "gzip" | "br" | "zstd";

/** What a client takes. */
export interface Encoding {
  /** The one it likes best of those that can be had. */
  readonly coding: Coding;
  /** Whether it takes a body as it is, too; where not, a short one has to be coded as well. */
  readonly plainToo: boolean;
}

/** The best for the client and for us first: that decides where it likes several as much. */
const codings = ["zstd", "br", "gzip"] as const;

/**
 * The coding to answer with (RFC 9110, section 12.5.3): the one with the highest weight; none where the client names
 * none. `*` stands for gzip, which everybody can take. Undefined where the client refuses all that can be had.
 */
export function negotiateCoding(
  header: string | undefined,
  available: readonly Exclude<Coding, "identity">[] = codings,
): Encoding | undefined {
  const weights = new Map<string, number>();
  for (const entry of (header ?? "").split(",")) {
    const [name = "", ...parameters] = entry.split(";").map((part) => part.trim().toLowerCase());
    if (name !== "") weights.set(name === "x-gzip" ? "gzip" : name, weightOf(parameters));
  }
  const any = weights.get("*");
  // Where nothing is said of it, it may be used, but nobody has asked for it.
  const plain = weights.get("identity") ?? (any === 0 ? 0 : undefined);
  let best: { coding: Coding; weight: number } | undefined;
  for (const coding of available) {
    const weight = weights.get(coding) ?? (coding === "gzip" ? any : undefined) ?? 0;
    if (weight > 0 && weight > (best?.weight ?? 0)) best = { coding, weight };
  }
  if (best !== undefined && best.weight >= (plain ?? 0)) return { coding: best.coding, plainToo: plain !== 0 };
  return plain === 0 ? undefined : { coding: "identity", plainToo: true };
}

/** A weight that is none counts as a refusal. */
function weightOf(parameters: readonly string[]): number {
  const text = parameters.find((parameter) => parameter.startsWith("q="))?.slice(2);
  if (text === undefined) return 1;
  return /^(0(\.\d{0,3})?|1(\.0{0,3})?)$/.test(text) ? Number(text) : 0;
}

/** As {@link negotiateCoding}; throws a 406 that says what can be had. */
export function encodingFor(header: string | undefined): Encoding {
  const encoding = negotiateCoding(header);
  if (encoding !== undefined) return encoding;
  throw httpError(406, "accept-encoding", `"${header}" cannot be had; ${codings.join(", ")} and identity can`);
}
