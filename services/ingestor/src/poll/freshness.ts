/** An API must not be able to put a source to sleep for a year. In milliseconds. */
const LONGEST_MS = 3_600_000;

/**
 * How long an answer stays as it is, as its sender says (Cache-Control: max-age less Age; RFC 9111, 4.2), in
 * milliseconds; 0 where it says nothing of the kind, or that it may change at any time.
 */
export function freshForMs(headers: Readonly<Record<string, string>>): number {
  const directives = (headers["cache-control"] ?? "").toLowerCase().split(",");
  let maxAge = 0;
  for (const directive of directives) {
    const [name = "", value = ""] = directive.trim().split("=");
    if (name === "no-cache" || name === "no-store") return 0;
    if (name === "max-age" && /^"?\d+"?$/.test(value)) maxAge = Number(value.replaceAll('"', ""));
  }
  const age = Number(headers["age"] ?? 0);
  const seconds = maxAge - (age > 0 ? age : 0);
  return Math.min(Math.max(seconds, 0) * 1000, LONGEST_MS);
}
