import type { AuthConfig } from "../config/source-config.js";
import { PollError, type PollErrorKind } from "../poll-error.js";
import { excerptOf } from "./error-excerpt.js";
import type { Redactor } from "./redactor.js";
import { CachedSecret, type FetchedSecret, type Secret, createSecret } from "./secret.js";

export type OAuth2Config = Extract<AuthConfig, { readonly type: "oauth2_client_credentials" }>;

export interface TokenAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

export interface TokenDeps {
  readonly now: () => number;
  readonly redactor: Redactor;
  /** Posts a form, without any credential but those given, following no redirect. Fails with a PollError. */
  readonly postForm: (url: string, headers: Readonly<Record<string, string>>, form: string) => Promise<TokenAnswer>;
}

/** A token is renewed this long before it ends, in milliseconds, or with a fifth of its life left where that is less. */
const AHEAD_MS = 30_000;
const AHEAD_SHARE = 0.2;
const NEVER = new AbortController().signal;

/** What is wrong with us, and not with the moment (RFC 6749, 5.2). */
const configErrors = new Set(["invalid_request", "invalid_scope", "unsupported_grant_type"]);

/** OAuth2 client credentials (RFC 6749, 4.4): one token for all requests, renewed before it ends or when it is refused. */
export class OAuth2Tokens implements Secret {
  readonly #config: OAuth2Config;
  readonly #deps: TokenDeps;
  readonly #clientSecret: Secret;
  readonly #token: CachedSecret;

  constructor(config: OAuth2Config, deps: TokenDeps) {
    this.#config = config;
    this.#deps = deps;
    this.#clientSecret = createSecret(config.clientSecret, deps.now);
    this.#token = new CachedSecret(async () => await this.#fetch(), deps.now);
  }

  async read(signal: AbortSignal): Promise<string> {
    return await this.#token.read(signal);
  }

  async renew(refused: string, signal: AbortSignal): Promise<boolean> {
    return await this.#token.renew(refused, signal);
  }

  async #fetch(): Promise<FetchedSecret> {
    const secret = await this.#clientSecret.read(NEVER);
    const answer = await this.#ask(secret);
    // The client's own secret may have been changed: once with the new one.
    const refused = answer.status === 400 || answer.status === 401;
    if (refused && (await this.#clientSecret.renew(secret, NEVER))) {
      return this.#tokenIn(await this.#ask(await this.#clientSecret.read(NEVER)));
    }
    return this.#tokenIn(answer);
  }

  async #ask(secret: string): Promise<TokenAnswer> {
    const { tokenUrl, clientId, scopes, audience, clientAuth } = this.#config;
    this.#deps.redactor.add(secret);
    const form = new URLSearchParams({ grant_type: "client_credentials" });
    if (scopes.length > 0) form.set("scope", scopes.join(" "));
    if (audience !== undefined) form.set("audience", audience);
    const headers: Record<string, string> = { accept: "application/json" };
    if (clientAuth === "body") {
      form.set("client_id", clientId);
      form.set("client_secret", secret);
    } else {
      const value = Buffer.from(`${formEncode(clientId)}:${formEncode(secret)}`).toString("base64");
      this.#deps.redactor.add(value);
      headers["authorization"] = `Basic ${value}`;
    }
    return await this.#deps.postForm(tokenUrl, headers, form.toString());
  }

  #tokenIn({ status, headers, body }: TokenAnswer): FetchedSecret {
    const text = body.toString("utf8");
    const json = parse(text);
    if (status < 200 || status > 299) {
      const error = typeof json["error"] === "string" ? json["error"] : "";
      const kind: PollErrorKind = configErrors.has(error) ? "config" : "unauthorized";
      const said = excerptOf(text, headers["content-type"]);
      const hint =
        kind === "config" ? "check auth.scopes and auth.audience" : "check auth.client_id and auth.client_secret";
      throw new PollError(
        `the token endpoint refuses (HTTP ${status}${error === "" ? "" : `, ${error}`}); ${hint}` +
          (said === undefined ? "" : `; it says: "${said}"`),
        { kind, httpStatus: status },
      );
    }
    const { access_token: token, token_type: type, expires_in: lifetime } = json;
    if (typeof token !== "string" || token === "") {
      throw new PollError("the token endpoint's answer has no access_token; check auth.token_url", { kind: "config" });
    }
    if (typeof type === "string" && type.toLowerCase() !== "bearer") {
      throw new PollError(`the token endpoint gives tokens of type "${type.slice(0, 40)}"; only bearer is known`, {
        kind: "config",
      });
    }
    const ms = Number(lifetime) * 1000;
    // Without a lifetime it is good until it is refused.
    if (!(ms > 0)) return { value: token, renewAt: Number.POSITIVE_INFINITY };
    return { value: token, renewAt: this.#deps.now() + ms - Math.min(AHEAD_MS, ms * AHEAD_SHARE) };
  }
}

function parse(text: string): Readonly<Record<string, unknown>> {
  try {
    const json: unknown = JSON.parse(text);
    return typeof json === "object" && json !== null ? (json as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

/** application/x-www-form-urlencoded, as RFC 6749 (2.3.1) wants it inside of Basic. */
function formEncode(text: string): string {
  return new URLSearchParams({ x: text }).toString().slice(2);
}
