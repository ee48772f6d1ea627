/** Names of query parameters that carry secrets. */
const secretName = /key|token|secret|passw|auth|sig|credential/i;

/** An address that can be shown: without user and password, secrets in its query made unreadable. */
export function displayUrl(address: string): string {
  const url = new URL(address);
  url.username = "";
  url.password = "";
  url.hash = "";
  for (const name of new Set(url.searchParams.keys())) {
    if (secretName.test(name)) url.searchParams.set(name, "***");
  }
  return url.href;
}

/** The CloudEvents source of an API's records: its address as it is shown, without query. */
export function eventSource(shownUrl: string): string {
  return shownUrl.split(/[?#]/, 1)[0] ?? shownUrl;
}
