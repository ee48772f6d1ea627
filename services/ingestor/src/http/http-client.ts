import type { Readable } from "node:stream";

/** One request, rendered: what is sent is what stands here, plus what authentication adds. */
export interface HttpRequest {
  readonly method: string;
  /** Absolute; query included. */
  readonly url: string;
  /** Names in lower case. Conditional headers are among them where the caller wants them. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Buffer;
  /**
   * The address came out of an answer (a next page, a Link header, a parent's record): its host must be one that the
   * configuration allows, and must not resolve to a private address where the configured one does not.
   */
  readonly fromAnswer: boolean;
}

/** An answer with a status of 2xx or 304; every other one is a PollError. */
export interface HttpResponse {
  readonly status: number;
  /** Where it came from in the end, after redirects. */
  readonly url: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /**
   * The body, decompressed as it is read, never more than the configured size. Fails with a PollError where it breaks
   * off, is damaged, too large or too slow. Whoever does not read it to its end has to destroy it.
   */
  readonly body: Readable;
}

/** Asks one API: authentication, TLS, proxy, redirects, address checks, time and size limits, rate limit. */
export interface HttpClient {
  /** Fails with a PollError, or with the signal's reason where it fired. Tries once: repeating is the caller's. */
  send(request: HttpRequest, signal: AbortSignal): Promise<HttpResponse>;
  /** What the API said last of its rate limit, for the status; undefined where it says nothing. */
  readonly budget: { readonly remaining: number; readonly resetsAt: number } | undefined;
  close(): void;
}
