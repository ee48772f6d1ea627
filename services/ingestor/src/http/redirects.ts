import { PollError } from "../poll-error.js";

/** The part of a request that a redirect changes. */
export interface Hop {
  readonly method: string;
  /** Without user, password and fragment. */
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer | undefined;
}

const statuses = new Set([301, 302, 303, 307, 308]);

/** All that another server is told: what every browser says. Any other header may be a credential by another name. */
const harmless = new Set([
  "accept",
  "accept-charset",
  "accept-encoding",
  "accept-language",
  "content-type",
  "if-modified-since",
  "if-none-match",
  "range",
  "user-agent",
]);

/** Follows the redirects of one request: one each, so that it can tell a circle. */
export class Redirects {
  readonly #most: number;
  readonly #seen = new Set<string>();
  #count = 0;

  constructor(first: Hop, most: number) {
    this.#most = most;
    this.#seen.add(key(first));
  }

  /** The next request; undefined where the answer is one in itself. Throws PollError where it must not be followed. */
  next(from: Hop, status: number, location: string | undefined): Hop | undefined {
    if (!statuses.has(status) || location === undefined || location === "") return undefined;
    const fail = (text: string, kind: "blocked" | "loop" | "malformed"): PollError =>
      new PollError(text, { kind, httpStatus: status });
    if (!URL.canParse(location, from.url.href)) {
      throw fail(`the API redirects to "${location.slice(0, 200)}", which is not an address`, "malformed");
    }
    const url = bareUrl(new URL(location, from.url));
    if (url.protocol !== "http:" && url.protocol !== "https:") {
      throw fail(`the API redirects to an address of ${url.protocol} which cannot be polled`, "blocked");
    }
    if (from.url.protocol === "https:" && url.protocol === "http:") {
      throw fail(`the API redirects from https to http (${url.host}), where everybody could listen`, "blocked");
    }
    this.#count += 1;
    if (this.#count > this.#most) throw fail(`the API redirects more than ${this.#most} times (max_redirects)`, "loop");
    const hop = { ...asked(from, status), url };
    if (this.#seen.has(key(hop))) {
      throw fail(`the API redirects in a circle, to ${url.origin}${url.pathname} again (cookies are not kept)`, "loop");
    }
    this.#seen.add(key(hop));
    return hop;
  }
}

/** An address as it is asked for: who asks, and where in the document to look, is not part of it. */
export function bareUrl(url: URL): URL {
  const bare = new URL(url);
  bare.username = "";
  bare.password = "";
  bare.hash = "";
  return bare;
}

/** Headers for a server that gets no credentials. */
export function withoutCredentials(headers: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => harmless.has(name)));
}

/** Method and body as browsers change them (Fetch standard, HTTP-redirect fetch, step 12). */
function asked({ method, headers, body }: Hop, status: number): Omit<Hop, "url"> {
  const becomesGet = status === 303 ? method !== "HEAD" : method === "POST" && status <= 302;
  if (!becomesGet || method === "GET") return { method, headers, body };
  const kept = Object.entries(headers).filter(([name]) => !name.startsWith("content-"));
  return { method: "GET", headers: Object.fromEntries(kept), body: undefined };
}

function key({ method, url }: Hop): string {
  return `${method} ${url.href}`;
}
