/** Something to type. */
export interface Command {
  readonly title: string;
  readonly text: string;
}

/** The address of the gateway, as a browser's location has it. */
export interface Address {
  /** E.g. "http://localhost:3000". */
  readonly origin: string;
}

/** For a POSIX shell: as it is where that is safe, else in single quotes. */
export function quote(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

/** A call of a method by grpcurl; an empty request is left out. */
export function grpcurl(address: Address, method: string, request: object = {}): string {
  const { protocol, hostname, port } = new URL(address.origin);
  const host = `${hostname}:${port === "" ? (protocol === "https:" ? "443" : "80") : port}`;
  const data = Object.keys(request).length === 0 ? [] : ["-d", JSON.stringify(request)];
  return ["grpcurl", ...(protocol === "https:" ? [] : ["-plaintext"]), ...data, host, method].map(quote).join(" ");
}

/** A GET (unless the options say otherwise) of a path with query parameters; empty ones are left out. */
export function curlGet(
  address: Address,
  path: string,
  query: readonly (readonly [name: string, value: string])[] = [],
  options: readonly string[] = [],
): string {
  const given = query.filter(([, value]) => value !== "");
  const text = given.map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join("&");
  return ["curl", ...options, `${address.origin}${path}${text === "" ? "" : `?${text}`}`].map(quote).join(" ");
}

/** A POST of a JSON body. */
export function curlPost(address: Address, path: string, body: object): string {
  const args = [
    "-X",
    "POST",
    address.origin + path,
    "-H",
    "content-type: application/json",
    "-d",
    JSON.stringify(body),
  ];
  return ["curl", ...args].map(quote).join(" ");
}
