import { readFile } from "node:fs/promises";
import { type JSONWebKeySet, type JWTPayload, createLocalJWKSet, createRemoteJWKSet, errors, jwtVerify } from "jose";
import type { TokenRules } from "./access-file.js";

/** What a token that holds says. */
export interface TokenClaims {
  readonly name: string;
  readonly roles: readonly string[];
  /** Milliseconds since 1970, with what the clocks may differ. */
  readonly expiresAt: number;
}

/** How long keys that were fetched are used, and how soon, for a key that is not among them, they are fetched again; milliseconds. */
const jwksMaxAgeMs = 600_000;
const jwksCooldownMs = 30_000;

/** A token that does not hold; the message is for whoever sent it and has nothing of the token in it. */
export class WrongToken extends Error {
  override readonly name = "WrongToken";
}

/** The issuer's keys cannot be had. */
export class KeysUnavailable extends Error {
  override readonly name = "KeysUnavailable";
}

/** Checks tokens of one issuer (RFC 7519, with the advice of RFC 8725). */
export class Tokens {
  readonly #rules: TokenRules;
  readonly #keys: () => Promise<ReturnType<typeof createLocalJWKSet>>;

  constructor(rules: TokenRules, cooldownMs = jwksCooldownMs) {
    this.#rules = rules;
    const { jwks } = rules;
    if ("url" in jwks) {
      const remote = createRemoteJWKSet(new URL(jwks.url), {
        cacheMaxAge: jwksMaxAgeMs,
        cooldownDuration: cooldownMs,
        timeoutDuration: 5000,
      });
      this.#keys = async () => Promise.resolve(remote as ReturnType<typeof createLocalJWKSet>);
    } else this.#keys = async () => createLocalJWKSet(publicOnly(JSON.parse(await readFile(jwks.file, "utf8"))));
  }

  /** Rejects with {@link WrongToken}, or {@link KeysUnavailable}. */
  async verify(token: string): Promise<TokenClaims> {
    const { issuer, audience, algorithms, clockToleranceSeconds, nameClaim, roleClaim } = this.#rules;
    let payload: JWTPayload;
    try {
      const verified = await jwtVerify(token, await this.#keysOrNothing(), {
        issuer,
        audience,
        algorithms: [...algorithms],
        clockTolerance: clockToleranceSeconds,
        requiredClaims: ["exp"],
      });
      payload = verified.payload;
    } catch (error) {
      throw failure(error);
    }
    const name = claim(payload, nameClaim);
    if (typeof name !== "string" || name === "") throw new WrongToken(`the token has no claim ${nameClaim}`);
    const roles = claim(payload, roleClaim);
    const list = typeof roles === "string" ? roles.split(" ") : Array.isArray(roles) ? roles : [];
    return {
      name: name.slice(0, 200),
      roles: list.filter((role): role is string => typeof role === "string" && role !== ""),
      expiresAt: ((payload.exp ?? 0) + clockToleranceSeconds) * 1000,
    };
  }

  async #keysOrNothing(): Promise<ReturnType<typeof createLocalJWKSet>> {
    try {
      return await this.#keys();
    } catch (error) {
      throw new KeysUnavailable("the issuer's keys cannot be read", { cause: error });
    }
  }
}

/** No secret is taken for a key: with one, whoever can check tokens could make them. */
function publicOnly(value: unknown): JSONWebKeySet {
  const { keys } = value as JSONWebKeySet;
  return { keys: keys.filter(({ kty }) => kty !== "oct") };
}

function claim(payload: JWTPayload, path: string): unknown {
  if (Object.hasOwn(payload, path)) return payload[path];
  let at: unknown = payload;
  for (const name of path.split(".")) {
    at =
      typeof at === "object" && at !== null && Object.hasOwn(at, name)
        ? (at as Record<string, unknown>)[name]
        : undefined;
  }
  return at;
}

function failure(error: unknown): Error {
  if (error instanceof KeysUnavailable) return error;
  if (error instanceof errors.JWTExpired) return new WrongToken("the token has expired");
  if (error instanceof errors.JWTClaimValidationFailed) {
    return new WrongToken(`the token's claim ${error.claim} is not what it has to be`);
  }
  if (error instanceof errors.JWKSNoMatchingKey) return new WrongToken("the token is signed with an unknown key");
  if (error instanceof errors.JOSEAlgNotAllowed) return new WrongToken("the token's algorithm is not allowed");
  if (error instanceof errors.JWSSignatureVerificationFailed) return new WrongToken("the token's signature is wrong");
  if (
    error instanceof errors.JWTInvalid ||
    error instanceof errors.JWSInvalid ||
    error instanceof errors.JOSENotSupported
  ) {
    return new WrongToken("it is no token that can be checked");
  }
  return new KeysUnavailable("the issuer's keys cannot be had", { cause: error });
}
