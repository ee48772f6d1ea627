/** One entry of an Accept header. */
interface Range {
  readonly type: string;
  readonly q: number;
  /** How exactly it names a type: 2 in full, 1 as `application/*`, 0 as `any`. */
  readonly precision: number;
}

/**
 * The media type to answer with (RFC 9110, section 12.5.1): of those that can be had, the one that the header gives the
 * highest weight; the first of equals. Undefined when it takes none of them.
 */
export function negotiate<const T extends string>(header: string | undefined, available: readonly T[]): T | undefined {
  if (header === undefined || header.trim() === "") return available[0];
  const ranges = header.split(",").map(parseRange);
  let best: { type: T; q: number } | undefined;
  for (const type of available) {
    const q = weigh(ranges, type);
    if (q > 0 && (best === undefined || q > best.q)) best = { type, q };
  }
  return best?.type;
}

function parseRange(text: string): Range {
  const [type = "", ...parameters] = text.split(";").map((part) => part.trim().toLowerCase());
  const weight = parameters.find((parameter) => parameter.startsWith("q="))?.slice(2);
  const q = weight === undefined ? 1 : /^(0(\.\d{0,3})?|1(\.0{0,3})?)$/.test(weight) ? Number(weight) : 0;
  return { type, q, precision: type === "*/*" ? 0 : type.endsWith("/*") ? 1 : 2 };
}

/** The most precise range that takes the type says how much it is wanted. */
function weigh(ranges: readonly Range[], type: string): number {
  let best: Range | undefined;
  for (const range of ranges) {
    const takes =
      range.precision === 2 ? range.type === type : range.precision === 0 || type.startsWith(range.type.slice(0, -1));
    if (takes && (best === undefined || range.precision > best.precision)) best = range;
  }
  return best?.q ?? 0;
}
