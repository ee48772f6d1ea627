/** Lower case, without a final dot or brackets, international names in ASCII: as URLs have them. */
export function normalHost(host: string): string {
  const text = host.includes(":") && !host.startsWith("[") ? `[${host}]` : host;
  const parsed = URL.canParse(`http://${text}/`) ? new URL(`http://${text}/`).hostname : host.toLowerCase();
  return bareHost(parsed);
}

/** A URL's hostname without the brackets of IPv6 and without a final dot. */
export function bareHost(hostname: string): string {
  return hostname.replace(/^\[|\]$/g, "").replace(/\.$/, "");
}

/** Whether a host is one of the list; `*.example.com` stands for every name below example.com, not for itself. */
export function isAllowedHost(host: string, patterns: readonly string[]): boolean {
  const bare = bareHost(host);
  return patterns.some((pattern) =>
    pattern.startsWith("*.") ? bare.endsWith(`.${normalHost(pattern.slice(2))}`) : bare === normalHost(pattern),
  );
}
