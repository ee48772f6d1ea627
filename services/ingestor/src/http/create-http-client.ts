import { Readable } from "node:stream";
import type { LookupFunction } from "node:net";
import type { NetworkConfig, SourceConfig } from "../config/source-config.js";
import { orAborted } from "../deadline.js";
import { PollError } from "../poll-error.js";
import { displayUrl } from "../source-url.js";
import { AddressGuard } from "./address-guard.js";
import { Agents } from "./agents.js";
import { type Authenticator, type Credential, createAuthenticator } from "./authenticator.js";
import { ConfiguredOrigin } from "./configured-origin.js";
import { ACCEPT_ENCODING } from "./content-coding.js";
import { type FailureContext, describeBrokenBody, describeFailure } from "./describe-failure.js";
import { describeStatus } from "./describe-status.js";
import { readExcerpt } from "./error-excerpt.js";
import { type RawAnswer, exchange } from "./exchange.js";
import type { HttpClient, HttpRequest, HttpResponse } from "./http-client.js";
import { discard, openBody } from "./open-body.js";
import { type ProxyEnvironment, type ProxyRule, proxyRule } from "./proxy.js";
import type { RateBudget } from "./rate-headers.js";
import { RateLimiter } from "./rate-limiter.js";
import { type Hop, Redirects, bareUrl, withoutCredentials } from "./redirects.js";
import { Redactor } from "./redactor.js";
import { RequestDeadline, RequestTimeoutError } from "./request-deadline.js";
import { postForm } from "./token-endpoint.js";

/** The part of a source that asking its API takes. */
export type HttpSource = Pick<SourceConfig, "request" | "auth" | "network" | "rateLimit">;

export interface HttpClientDeps {
  /** Where HTTP_PROXY and its like are read, for a source with `proxy: environment`; without it there are none. */
  readonly env?: ProxyEnvironment;
  /** Resolves names; node:dns's own unless given. */
  readonly lookup?: LookupFunction;
  readonly isPrivateAddress?: (address: string) => boolean;
  readonly now?: () => number;
  /** Returns early, without throwing, when the signal fires. */
  readonly sleep?: (ms: number, signal: AbortSignal) => Promise<void>;
}

const userAgent = { "user-agent": "apispool/0.1" };
const defaults = { ...userAgent, accept: "application/json, */*;q=0.5", "accept-encoding": ACCEPT_ENCODING };

/** One for each source: it keeps the source's connections, tokens and limits. */
export function createHttpClient(source: HttpSource, deps: HttpClientDeps = {}): HttpClient {
  return new SourceHttpClient(source, deps);
}

/** How a request goes out: decided anew for every hop. */
interface Sent {
  readonly answer: RawAnswer;
  readonly credential: Credential | undefined;
  readonly trusted: boolean;
}

class SourceHttpClient implements HttpClient {
  readonly #network: NetworkConfig;
  readonly #configured: ConfiguredOrigin;
  readonly #limiter: RateLimiter;
  readonly #guard: AddressGuard;
  readonly #agents: Agents;
  readonly #authenticator: Authenticator;
  readonly #redactor = new Redactor();
  readonly #closed = new AbortController();
  readonly #now: () => number;
  readonly #proxy: ProxyRule;

  constructor({ request, auth, network, rateLimit }: HttpSource, deps: HttpClientDeps) {
    const { now = Date.now, lookup, isPrivateAddress: isPrivate, env = {} } = deps;
    this.#now = now;
    this.#network = network;
    const configured = new ConfiguredOrigin(request.url);
    this.#configured = configured;
    this.#limiter = new RateLimiter(rateLimit, deps);
    const { allowHosts } = network;
    this.#guard = new AddressGuard({ configuredHost: () => configured.host, allowHosts, lookup, isPrivate, now });
    const agents = new Agents(network.tls, {
      guarded: this.#guard.guardedLookup,
      learning: this.#guard.learningLookup,
    });
    this.#agents = agents;
    // Looked at when it is needed, so that what is wrong with it is the source's error, not the ingestor's.
    let rule: ProxyRule | undefined;
    const proxy: ProxyRule = (url) => (rule ??= proxyRule(network.proxy, env))(url);
    this.#proxy = proxy;
    const trusts = (url: URL): boolean => url.origin === configured.origin;
    const closed = this.#closed.signal;
    const tokenEndpoint = { network, agents, proxy, trusts, headers: userAgent, now, closed };
    this.#authenticator = createAuthenticator(auth, {
      now,
      redactor: this.#redactor,
      postForm: async (url, headers, form) => await postForm(tokenEndpoint, url, headers, form),
    });
  }

  get budget(): RateBudget | undefined {
    return this.#limiter.budget;
  }

  async send(request: HttpRequest, signal: AbortSignal): Promise<HttpResponse> {
    checkAddress(request);
    await this.#limiter.take(signal);
    const deadline = new RequestDeadline(this.#network.timeoutMs, signal);
    try {
      return await this.#follow(request, deadline);
    } catch (error) {
      deadline.end();
      signal.throwIfAborted();
      throw this.#redacted(describeFailure(error, this.#context(request.url)));
    }
  }

  close(): void {
    this.#closed.abort(new Error("the source was closed"));
    this.#agents.close();
  }

  /** Sends it, and after it what redirects ask for, and once more with other credentials where those were refused. */
  async #follow(request: HttpRequest, deadline: RequestDeadline): Promise<HttpResponse> {
    this.#redactor.addFrom(request);
    const address = new URL(request.url);
    if (!request.fromAnswer) this.#configured.asked(address);
    const { origin } = this.#configured;
    let hop: Hop = {
      method: request.method.toUpperCase(),
      url: bareUrl(address),
      headers: { ...defaults, ...request.headers },
      body: request.body,
    };
    const redirects = new Redirects(hop, this.#network.maxRedirects);
    let { fromAnswer } = request;
    let mayRenew = true;
    for (let sends = 1; ; sends += 1) {
      if (sends > 1) this.#limiter.spend();
      const { answer, credential, trusted } = await this.#sendHop(hop, origin, fromAnswer, deadline.signal);
      this.#limiter.note(answer.headers);
      if (answer.status === 401 && credential !== undefined && mayRenew) {
        mayRenew = false;
        if (await this.#renewed(credential, answer, deadline.signal)) continue;
      }
      const next = this.#nextHop(redirects, hop, answer);
      if (next === undefined) return await this.#conclude(hop, answer, trusted, deadline);
      hop = next;
      fromAnswer = true;
    }
  }

  async #sendHop(hop: Hop, origin: string | undefined, fromAnswer: boolean, signal: AbortSignal): Promise<Sent> {
    const { url, method, body } = hop;
    const trusted = url.origin === origin;
    const proxy = this.#proxy(url);
    const guarded = fromAnswer && (await this.#guarded(url, origin, proxy !== undefined, signal));
    const credential = trusted ? await this.#authenticator.credential(signal) : undefined;
    const agent = await this.#agents.agentFor({ secure: url.protocol === "https:", trusted, guarded, proxy });
    const { connectTimeoutMs } = this.#network;
    const headers = trusted ? this.#withCredential(hop.headers, credential) : withoutCredentials(hop.headers);
    const target = withKey(url, credential);
    try {
      const answer = await exchange({ method, url: target, headers, body, agent, connectTimeoutMs, signal });
      return { answer, credential, trusted };
    } catch (error) {
      throw describeFailure(error, this.#context(url.href, proxy));
    }
  }

  /** Whether the connection has to be kept out of private networks. Fails where the address must not be asked at all. */
  async #guarded(url: URL, origin: string | undefined, byProxy: boolean, signal: AbortSignal): Promise<boolean> {
    this.#guard.checkHost(url);
    if (url.protocol === "http:" && origin?.startsWith("https:") === true) {
      throw new PollError(`the answer leads from https to http (${url.host}), where everybody could listen`, {
        kind: "blocked",
      });
    }
    return await orAborted(this.#guard.restricts(url, byProxy), signal);
  }

  #withCredential(headers: Hop["headers"], credential: Credential | undefined): Readonly<Record<string, string>> {
    if (credential?.into === "header") return { ...headers, [credential.name]: credential.value };
    const { authorization } = this.#configured;
    return authorization === undefined ? headers : { authorization, ...headers };
  }

  async #renewed(refused: Credential, answer: RawAnswer, signal: AbortSignal): Promise<boolean> {
    let renewed = true;
    try {
      renewed = await this.#authenticator.renew(refused, signal);
    } finally {
      // Kept only where there is nothing else to try: then it says why.
      if (renewed) discard(answer.stream);
    }
    return renewed;
  }

  #nextHop(redirects: Redirects, hop: Hop, answer: RawAnswer): Hop | undefined {
    try {
      const next = redirects.next(hop, answer.status, answer.headers["location"]);
      if (next !== undefined) discard(answer.stream);
      return next;
    } catch (error) {
      discard(answer.stream);
      throw error;
    }
  }

  async #conclude(hop: Hop, answer: RawAnswer, trusted: boolean, deadline: RequestDeadline): Promise<HttpResponse> {
    const { status, stream } = answer;
    const url = hop.url.href;
    const context = this.#context(url);
    if (status === 204 || status === 205 || status === 304) {
      discard(stream);
      deadline.end();
      return { status, url, headers: answer.headers, body: Readable.from([]) };
    }
    const explain = (error: Error): Error =>
      // The caller's own reason to stop, or what went wrong.
      error === deadline.signal.reason && !(error instanceof RequestTimeoutError)
        ? error
        : this.#redacted(describeBrokenBody(error, context));
    try {
      if (status < 200 || status > 299) throw await this.#refusal(answer, context, trusted, deadline, explain);
      if (status === 206 && hop.headers["range"] === undefined) {
        throw new PollError(`HTTP 206: only a part of the answer, which nobody asked for (${context.where})`);
      }
      const body = openBody(answer, { maxBytes: this.#network.maxBytes, deadline, explain });
      return { status, url, headers: decodedHeaders(answer.headers), body };
    } catch (error) {
      stream.destroy();
      throw error;
    }
  }

  async #refusal(
    answer: RawAnswer,
    { where }: FailureContext,
    trusted: boolean,
    deadline: RequestDeadline,
    explain: (error: Error) => Error,
  ): Promise<PollError> {
    const { status, headers } = answer;
    let excerpt: string | undefined;
    try {
      const maxBytes = this.#network.maxBytes;
      excerpt = await readExcerpt(openBody(answer, { maxBytes, deadline, explain }), headers["content-type"]);
    } catch {
      // It cannot be read; the status alone has to do.
    }
    return describeStatus({ status, headers, where, excerpt, trusted }, this.#now());
  }

  #context(url: string, proxy?: URL): FailureContext {
    return { ...this.#network, where: displayUrl(url), by: proxy === undefined ? undefined : proxy.host };
  }

  #redacted(error: PollError): PollError {
    const { kind, cause, retryAfterMs, httpStatus, cutOff } = error;
    const extra = { kind, cause, retryAfterMs, cutOff, ...(httpStatus === undefined ? {} : { httpStatus }) };
    return new PollError(this.#redactor.text(error.message), extra);
  }
}

function checkAddress({ url, fromAnswer }: HttpRequest): void {
  if (URL.canParse(url) && /^https?:$/.test(new URL(url).protocol)) return;
  // Not repeated where it is the configuration's: there may be a password in it.
  throw fromAnswer
    ? new PollError(`the answer names "${url.slice(0, 100)}", which is not an http or https address`, {
        kind: "blocked",
      })
    : new PollError("url does not come to an http or https address; check it and what is filled in", {
        kind: "config",
      });
}

/** The address with the API key, where it goes into the query. Only this goes out: no text and no state has it. */
function withKey(url: URL, credential: Credential | undefined): URL {
  if (credential?.into !== "query") return url;
  const { name, value } = credential;
  const target = new URL(url);
  if (target.searchParams.has(name)) {
    target.searchParams.set(name, value);
  } else {
    // Appended, so that the rest stays as it was written: setting it would write all of it anew.
    const pair = new URLSearchParams({ [name]: value }).toString();
    target.search = target.search === "" ? pair : `${target.search}&${pair}`;
  }
  return target;
}

/** Those that speak of the body as it was sent no longer fit it. */
function decodedHeaders(headers: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  if (headers["content-encoding"] === undefined) return headers;
  const { "content-encoding": _coding, "content-length": _length, ...rest } = headers;
  return rest;
}
