/**
 * Whether a request names its host more than once, which RFC 9112 (section 3.2) has refused: a proxy may have taken the one,
 * and Node takes the other.
 */
export function namesTwoHosts(rawHeaders: readonly string[]): boolean {
  let hosts = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] ?? "";
    if (name.length === 4 && name.toLowerCase() === "host") hosts += 1;
  }
  return hosts > 1;
}
