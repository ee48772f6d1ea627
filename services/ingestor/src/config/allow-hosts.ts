/** Whether a host is in a list such as `cdn.example.com, *.example.org`; the latter is all below, not the host itself. */
export function hostAllowed(host: string, allowed: readonly string[]): boolean {
  const name = normalised(host);
  return allowed.some((entry) => {
    const wanted = normalised(entry);
    return wanted.startsWith("*.") ? name.endsWith(wanted.slice(1)) && name.length >= wanted.length : name === wanted;
  });
}

function normalised(host: string): string {
  return host.toLowerCase().replace(/\.$/, "");
}
