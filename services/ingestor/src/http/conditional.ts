/** What makes a request conditional (RFC 9110, 13): the answer is 304 where nothing changed. */
export interface Validators {
  readonly etag?: string;
  readonly lastModified?: string;
}

type Headers = Readonly<Record<string, string>>;

/** What an answer gives to ask with the next time. */
export function validatorsOf(headers: Headers): Validators {
  const etag = headers["etag"];
  const lastModified = headers["last-modified"];
  return {
    ...(etag === undefined || etag === "" ? {} : { etag }),
    ...(lastModified === undefined || lastModified === "" ? {} : { lastModified }),
  };
}

/** Both where both are known: a server that knows ETags ignores the date (RFC 9110, 13.2.2). */
export function conditionalHeaders({ etag, lastModified }: Validators): Headers {
  return {
    ...(etag === undefined ? {} : { "if-none-match": etag }),
    ...(lastModified === undefined ? {} : { "if-modified-since": lastModified }),
  };
}

/**
 * How long an answer need not be asked for again, in milliseconds; 0 where it says nothing. X-Poll-Interval (GitHub) asks
 * for that in so many seconds, whatever the answer says of caches.
 */
export function freshForMs(headers: Headers, nowMs: number): number {
  return Math.max((seconds(headers["x-poll-interval"]) ?? 0) * 1000, cacheableMs(headers, nowMs));
}

/** RFC 9111, 4.2. */
function cacheableMs(headers: Headers, nowMs: number): number {
  const directives = cacheControl(headers["cache-control"] ?? "");
  if (directives.has("no-store") || directives.has("no-cache")) return 0;
  const age = seconds(headers["age"]) ?? 0;
  // This is a private cache, so s-maxage counts only where there is nothing that was meant for us.
  const lifetime = directives.get("max-age") ?? directives.get("s-maxage");
  // A lifetime that cannot be read is taken for none (4.2.1).
  if (lifetime !== undefined) return Math.max(0, ((seconds(lifetime) ?? 0) - age) * 1000);
  const expires = Date.parse(headers["expires"] ?? "");
  if (Number.isNaN(expires)) return 0;
  // Against the server's own clock where it tells: ours may be wrong.
  const date = Date.parse(headers["date"] ?? "");
  return Math.max(0, expires - (Number.isNaN(date) ? nowMs : date) - age * 1000);
}

/** Of a directive that is given twice, the first counts (RFC 9111, 4.2.1). */
function cacheControl(text: string): ReadonlyMap<string, string> {
  const directives = new Map<string, string>();
  for (const [, name = "", quoted, plain] of text.matchAll(/([\w-]+)(?:\s*=\s*(?:"([^"]*)"|([^\s,]*)))?/g)) {
    const key = name.toLowerCase();
    if (!directives.has(key)) directives.set(key, quoted ?? plain ?? "");
  }
  return directives;
}

function seconds(text: string | undefined): number | undefined {
  return text !== undefined && /^\d+$/.test(text.trim()) ? Number(text) : undefined;
}
