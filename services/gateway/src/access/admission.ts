import type { PeerCertificate, TLSSocket } from "node:tls";
import { Code, type ConnectError } from "@connectrpc/connect";
import { reasonOf, toConnectError } from "@apispool/common/errors.js";
import { reflectionServices } from "@apispool/common/reflection.js";
import { Health } from "@apispool/contracts/health/v1/health_pb.js";
import type { Exchange, ServerRequest } from "../exchange.js";
import type { Audit } from "./audit.js";
import { type Authenticator, anybody } from "./authenticator.js";
import { rateLimited } from "./errors.js";
import { clientOf } from "./guard.js";
import { clientOf as networkOf } from "../limits/client.js";
import { type OriginRules, foreignPage } from "./origins.js";
import { type Caller, type Principal, asCaller } from "./principal.js";
import { RateLimiter, type Standing } from "./rate-limiter.js";
import { refuse } from "../refusal.js";
import { isPreflight, preflightAnswer, setHeaders } from "./response-headers.js";
import type { AccessSettings } from "./settings.js";

/** What anybody may ask for: whether it lives, what it can do, and the pages themselves. Nothing of it comes from a service. */
const openPaths: ReadonlySet<string> = new Set(["/", "/livez", "/readyz", "/openapi.json", "/docs"]);
const openBelow = [
  "/assets/",
  "/docs/",
  ...[Health, ...reflectionServices].map(({ typeName }) => `/${typeName}/`),
] as const;

export interface AdmissionOptions {
  readonly settings: AccessSettings;
  /** Undefined: nobody is asked. */
  readonly authenticator: Authenticator | undefined;
  readonly audit: Audit;
}

/** Looks at every request before it goes anywhere: from where, by whom, how often. What the caller may do the Guard sees to. */
export class Admission {
  readonly #authenticator: Authenticator | undefined;
  readonly #audit: Audit;
  readonly #rules: OriginRules;
  readonly #limiter: RateLimiter | undefined;
  readonly #failures: RateLimiter;

  constructor({ settings, authenticator, audit }: AdmissionOptions) {
    this.#authenticator = authenticator;
    this.#audit = audit;
    this.#rules = settings;
    this.#limiter = settings.rateLimit === undefined ? undefined : new RateLimiter(settings.rateLimit);
    this.#failures = new RateLimiter(settings.failureLimit);
  }

  /** Serves a request that is admitted, and refuses it otherwise. */
  serve(exchange: Exchange, serve: (exchange: Exchange) => void): void {
    const { req, res, requestId } = exchange;
    setHeaders(req, res, this.#rules);
    const from = req.socket.remoteAddress ?? "unknown";
    const nobody: Caller = { principal: undefined, from, requestId };
    if (isOpen(req)) {
      asCaller(nobody, () => serve(exchange));
      return;
    }
    const foreign = foreignPage(req.headers, this.#rules);
    if (foreign !== undefined) {
      if (this.#failures.take(networkOf(from)).taken) {
        this.#audit.write(nobody, {
          what: "authenticate",
          outcome: "PermissionDenied",
          detail: reasonOf(foreign) ?? "",
        });
      }
      refuse(exchange, foreign, {});
    } else if (isPreflight(req)) {
      exchange.answered();
      res.writeHead(204, { ...preflightAnswer() });
      res.end();
    } else if (req.method === "OPTIONS") asCaller(nobody, () => serve(exchange));
    else if (this.#authenticator === undefined) this.#count(exchange, { ...nobody, principal: anybody }, serve);
    else void this.#authenticate(exchange, nobody, this.#authenticator, serve);
  }

  /** Never rejects. */
  async #authenticate(
    exchange: Exchange,
    nobody: Caller,
    authenticator: Authenticator,
    serve: (exchange: Exchange) => void,
  ): Promise<void> {
    const { headers } = exchange.req;
    let principal: Principal;
    try {
      principal = await authenticator.authenticate({
        authorization: headers.authorization,
        apiKey: headers["x-api-key"]?.toString(),
        certificateSubject: certificateSubject(exchange.req),
      });
    } catch (thrown) {
      this.#refuseUnknown(exchange, nobody, toConnectError(thrown));
      return;
    }
    this.#count(exchange, { ...nobody, principal }, serve);
  }

  /**
   * A right key is never refused for the wrong ones that others send from the same address, a proxy's for example; what is
   * limited is how many failures are answered and written down one by one.
   */
  #refuseUnknown(exchange: Exchange, nobody: Caller, error: ConnectError): void {
    const challenge = { "www-authenticate": 'Bearer realm="apispool"' };
    if (error.code !== Code.Unauthenticated) {
      refuse(exchange, error, {});
      return;
    }
    const standing = this.#failures.take(networkOf(nobody.from));
    if (!standing.taken) {
      refuse(exchange, rateLimited("too many attempts with a wrong key or token, or none", standing.retryAfterMs), {});
      return;
    }
    this.#audit.write(nobody, { what: "authenticate", outcome: Code[error.code], detail: error.rawMessage });
    refuse(exchange, error, challenge);
  }

  #count(exchange: Exchange, caller: Caller, serve: (exchange: Exchange) => void): void {
    if (this.#limiter !== undefined) {
      const standing = this.#limiter.take(clientOf({ ...caller, from: networkOf(caller.from) }));
      const headers = limitHeaders(this.#limiter, standing);
      if (!standing.taken) {
        refuse(exchange, rateLimited("too many requests; slow down", standing.retryAfterMs), headers);
        return;
      }
      for (const [name, value] of Object.entries(headers)) exchange.res.setHeader(name, value);
    }
    asCaller(caller, () => serve(exchange));
  }
}

function isOpen({ url = "", method }: ServerRequest): boolean {
  const path = url.split("?", 1)[0] ?? "";
  if (openBelow.some((prefix) => path.startsWith(prefix))) return true;
  return (method === "GET" || method === "HEAD") && openPaths.has(path);
}

/** draft-ietf-httpapi-ratelimit-headers-10: what is allowed, and what is left of it. */
function limitHeaders({ limit }: RateLimiter, { left, fullInMs }: Standing): Readonly<Record<string, string>> {
  const window = Math.max(1, Math.ceil(limit.burst / limit.perSecond));
  return {
    "ratelimit-policy": `"requests";q=${limit.burst};w=${window}`,
    ratelimit: `"requests";r=${left};t=${Math.ceil(fullInMs / 1000)}`,
  };
}

/**
 * The subject of the client's certificate, as `CN=…,O=…` in the certificate's order, where TLS has verified it. This is all that the
 * listener has to do for it: ask for a certificate, and check it against the CA.
 */
export function certificateSubject(req: ServerRequest): string | undefined {
  const socket = ("stream" in req ? req.stream.session?.socket : req.socket) as Partial<TLSSocket> | undefined;
  if (socket?.authorized !== true) return undefined;
  const subject = (socket.getPeerCertificate?.() as Partial<PeerCertificate> | undefined)?.subject;
  if (subject === undefined) return undefined;
  return Object.entries(subject as unknown as Record<string, string | string[]>)
    .flatMap(([name, value]) => [value].flat().map((one) => `${name}=${one.replace(/[\\,]/g, String.raw`\$&`)}`))
    .join(",");
}
