import type { AuthConfig } from "../config/source-config.js";
import { PollError } from "../poll-error.js";
import { OAuth2Tokens, type TokenDeps } from "./oauth2-tokens.js";
import type { Redactor } from "./redactor.js";
import { type Secret, createSecret } from "./secret.js";

/** What a request carries to say who it is from. */
export interface Credential {
  readonly secret: string;
  readonly into: "header" | "query";
  readonly name: string;
  readonly value: string;
}

/** Says who we are, in the way that the configuration gives. Only ever asked for the configured origin. */
export interface Authenticator {
  /** Undefined where nothing is to be shown. Fails with a PollError, or with the signal's reason where it fired. */
  credential(signal: AbortSignal): Promise<Credential | undefined>;
  /** After a 401: whether there is another credential to try. */
  renew(refused: Credential, signal: AbortSignal): Promise<boolean>;
}

export interface AuthDeps extends TokenDeps {
  readonly redactor: Redactor;
}

export function createAuthenticator(auth: AuthConfig, deps: AuthDeps): Authenticator {
  switch (auth.type) {
    case "none":
      return { credential: async () => undefined, renew: async () => false };
    case "basic":
      return using(createSecret(auth.password, deps.now), deps, "header", "authorization", (password) =>
        basic(auth.username, password),
      );
    case "bearer":
      return using(createSecret(auth.token, deps.now), deps, "header", "authorization", bearer);
    case "api_key":
      return using(createSecret(auth.key, deps.now), deps, auth.in, auth.name.toLowerCase(), (key) => key, auth.name);
    case "oauth2_client_credentials":
      return using(new OAuth2Tokens(auth, deps), deps, "header", "authorization", bearer);
  }
}

/** RFC 7617; UTF-8, as every server that knows more than ASCII expects. */
export function basic(username: string, password: string): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
}

const bearer = (token: string): string => (/^bearer\s/i.test(token) ? token : `Bearer ${token}`);

function using(
  source: Secret,
  { redactor }: AuthDeps,
  into: Credential["into"],
  headerName: string,
  write: (secret: string) => string,
  queryName = headerName,
): Authenticator {
  return {
    async credential(signal) {
      const secret = await source.read(signal);
      const value = write(secret);
      redactor.add(secret);
      redactor.add(value);
      const name = into === "header" ? headerName : queryName;
      // It would be sent without them, and then be another secret than the one that was meant.
      if (into === "header" && /[^\t\x20-\x7e\x80-\xff]/.test(value)) {
        throw new PollError(
          `the secret for the header ${name} has characters that no header can carry (a line break?)`,
          {
            kind: "config",
          },
        );
      }
      return { secret, into, name, value };
    },
    renew: async (refused, signal) => await source.renew(refused.secret, signal),
  };
}
