import type { NetworkConfig } from "../config/source-config.js";
import { PollError } from "../poll-error.js";
import { displayUrl } from "../source-url.js";
import type { Agents } from "./agents.js";
import { ACCEPT_ENCODING } from "./content-coding.js";
import { describeBrokenBody, describeFailure } from "./describe-failure.js";
import { describeStatus } from "./describe-status.js";
import { exchange } from "./exchange.js";
import type { TokenAnswer } from "./oauth2-tokens.js";
import { openBody } from "./open-body.js";
import type { ProxyRule } from "./proxy.js";
import { RequestDeadline } from "./request-deadline.js";

const MOST_BYTES = 64 * 1024;

export interface TokenEndpointDeps {
  readonly network: NetworkConfig;
  readonly agents: Agents;
  readonly proxy: ProxyRule;
  /** Whether it is the configured server itself, and so gets the client certificate. */
  readonly trusts: (url: URL) => boolean;
  readonly headers: Readonly<Record<string, string>>;
  readonly now: () => number;
  /** Fires when the source is closed. */
  readonly closed: AbortSignal;
}

/** Posts to a token endpoint, which the operator configured, so it may be anywhere. Fails with a PollError. */
export async function postForm(
  deps: TokenEndpointDeps,
  address: string,
  headers: Readonly<Record<string, string>>,
  form: string,
): Promise<TokenAnswer> {
  const { network, agents, proxy, trusts, now, closed } = deps;
  const where = displayUrl(address);
  const by = proxy(new URL(address))?.host;
  const context = { ...network, maxBytes: MOST_BYTES, where, by };
  const deadline = new RequestDeadline(network.timeoutMs, closed);
  try {
    const url = new URL(address);
    const agent = await agents.agentFor({
      secure: url.protocol === "https:",
      trusted: trusts(url),
      guarded: false,
      proxy: proxy(url),
    });
    const answer = await exchange({
      method: "POST",
      url,
      headers: {
        ...deps.headers,
        ...headers,
        "accept-encoding": ACCEPT_ENCODING,
        "content-type": "application/x-www-form-urlencoded",
      },
      body: Buffer.from(form),
      agent,
      connectTimeoutMs: network.connectTimeoutMs,
      signal: deadline.signal,
    });
    const explain = (error: Error): Error => describeBrokenBody(error, context);
    const chunks: Buffer[] = [];
    for await (const chunk of openBody(answer, { maxBytes: MOST_BYTES, deadline, explain }))
      chunks.push(chunk as Buffer);
    const { status } = answer;
    // Following would take the client's secret to wherever it says.
    if (status >= 300 && status < 400)
      throw new PollError(`HTTP ${status}: it redirects; check auth.token_url (${where})`, { kind: "config" });
    if (status >= 500 || status === 408 || status === 429) {
      throw describeStatus({ status, headers: answer.headers, where, excerpt: undefined, trusted: true }, now());
    }
    return { status, headers: answer.headers, body: Buffer.concat(chunks) };
  } catch (error) {
    const { message, kind, httpStatus, retryAfterMs, cutOff, cause } = describeFailure(error, context);
    throw new PollError(`no token could be had: ${message}`, {
      kind,
      cause,
      retryAfterMs,
      cutOff,
      ...(httpStatus === undefined ? {} : { httpStatus }),
    });
  } finally {
    deadline.end();
  }
}
