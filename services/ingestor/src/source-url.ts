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

/** The CloudEvents source of an API's records: its address without user, password and query. */
export function eventSource(address: string): string {
  const url = new URL(address);
  return `${url.origin}${url.pathname}`;
}

/** A configured address as it can be shown: its templates stay as they are written. */
export function displayTemplate(text: string): string {
  return URL.canParse(text) ? displayUrl(text).replaceAll("%7B%7B", "{{").replaceAll("%7D%7D", "}}") : text;
}

/** The CloudEvents source of a configured address: templates and what follows them left out. */
export function templateSource(text: string): string {
  const constant = text.split("{{", 1)[0] ?? "";
  return URL.canParse(constant) ? eventSource(constant) : constant;
}
