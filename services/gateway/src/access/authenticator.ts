import { stat, readFile } from "node:fs/promises";
import { describeError, rpcError } from "@apispool/common/errors.js";
import type { Logger } from "@apispool/common/logger.js";
import { Code } from "@connectrpc/connect";
import { type Access, AccessFileError, parseAccess } from "./access-file.js";
import { findKey } from "./api-keys.js";
import { unauthenticated } from "./errors.js";
import { type Permissions, everything } from "./permissions.js";
import type { Principal } from "./principal.js";
import { KeysUnavailable, Tokens, WrongToken } from "./tokens.js";

/** What a client shows. */
export interface Credentials {
  readonly authorization: string | undefined;
  readonly apiKey: string | undefined;
  /** The subject of a certificate that was verified; undefined where there is none. */
  readonly certificateSubject: string | undefined;
}

/** How often the file is looked at, in milliseconds. */
const lookEveryMs = 1000;

/** Who somebody is while nobody is asked. */
export const anybody: Principal = { name: "anybody", how: "none", permissions: everything, valid: () => true };

/** Tells who is calling, by the access file. */
export class Authenticator {
  readonly #file: string;
  readonly #log: Logger;
  readonly #timer: NodeJS.Timeout;
  #stamp = "";
  #access: Access;
  #tokens: Tokens | undefined;
  #looking: Promise<void> | undefined;

  private constructor(file: string, access: Access, stamp: string, log: Logger) {
    this.#file = file;
    this.#log = log;
    this.#access = access;
    this.#stamp = stamp;
    this.#tokens = access.tokens === undefined ? undefined : new Tokens(access.tokens);
    this.#timer = setInterval(() => void this.look(), lookEveryMs).unref();
  }

  /** Rejects where the file cannot be read or is wrong, with everything that is wrong with it. */
  static async open(file: string, log: Logger): Promise<Authenticator> {
    try {
      const stamp = await stampOf(file);
      return new Authenticator(file, parseAccess(await readFile(file, "utf8")), stamp, log);
    } catch (error) {
      throw new Error(`ACCESS_FILE ${file} cannot be used`, { cause: error });
    }
  }

  /** Reads the file again where it has changed. What is wrong is logged, and the permissions stay as they were. Never rejects. */
  async look(): Promise<void> {
    this.#looking ??= this.#look().finally(() => (this.#looking = undefined));
    return this.#looking;
  }

  async #look(): Promise<void> {
    let stamp = "";
    try {
      stamp = await stampOf(this.#file);
      if (stamp === this.#stamp) return;
      const access = parseAccess(await readFile(this.#file, "utf8"));
      this.#access = access;
      this.#tokens = access.tokens === undefined ? undefined : new Tokens(access.tokens);
      this.#stamp = stamp;
      this.#log.info(`the access file was read again: ${access.keys.length} keys`);
    } catch (error) {
      const text = `the access file ${this.#file} is not used, the permissions stay as they were: ${wordsFor(error)}`;
      // Once for each state that it is in.
      if (stamp !== this.#stamp) this.#log.error(text);
      this.#stamp = stamp;
    }
  }

  /** Who it is. Throws UNAUTHENTICATED, or UNAVAILABLE where tokens cannot be checked now. */
  async authenticate({ authorization, apiKey, certificateSubject }: Credentials): Promise<Principal> {
    const scheme = /^bearer +(\S+)$/i.exec(authorization ?? "");
    if (authorization !== undefined && scheme === null) {
      throw unauthenticated('the header Authorization must be "Bearer", a blank and a key or token');
    }
    const bearer = scheme?.[1];
    if (bearer !== undefined && apiKey !== undefined && bearer !== apiKey) {
      throw unauthenticated("Authorization and X-API-Key say different things; send one of them");
    }
    const shown = bearer ?? apiKey;
    if (shown === undefined) return this.#byCertificate(certificateSubject);
    // No key has a dot, every token has two.
    if (bearer !== undefined && this.#tokens !== undefined && bearer.split(".").length === 3) {
      return this.#byToken(this.#tokens, bearer);
    }
    return this.#byKey(shown);
  }

  #byKey(shown: string): Principal {
    const key = findKey(shown, this.#access.keys);
    if (key === undefined) throw unauthenticated("the key is unknown");
    const { name, permissions, expiresAt, sha256 } = key;
    if (expiresAt !== undefined && expiresAt <= Date.now()) throw unauthenticated("the key has expired");
    return {
      name,
      how: "key",
      permissions,
      valid: () =>
        (expiresAt === undefined || expiresAt > Date.now()) &&
        this.#access.keys.some((now) => now.sha256.equals(sha256) && alike(now.permissions, permissions)),
    };
  }

  async #byToken(tokens: Tokens, token: string): Promise<Principal> {
    try {
      const { name, roles, expiresAt } = await tokens.verify(token);
      const permissions = this.#ofRoles(roles);
      if (permissions === undefined) throw unauthenticated("the token names no role that is known here");
      return {
        name,
        how: "token",
        permissions,
        valid: () => {
          const now = this.#access.tokens === undefined ? undefined : this.#ofRoles(roles);
          return expiresAt > Date.now() && now !== undefined && alike(now, permissions);
        },
      };
    } catch (error) {
      if (error instanceof WrongToken) throw unauthenticated(error.message);
      if (error instanceof KeysUnavailable) {
        this.#log.error(`tokens cannot be checked: ${describeError(error)}`);
        throw rpcError(
          Code.Unavailable,
          "SERVICE_UNAVAILABLE",
          "tokens cannot be checked now: the issuer's keys cannot be had",
          {
            cause: error,
            retryAfterMs: 5000,
          },
        );
      }
      throw error;
    }
  }

  #byCertificate(subject: string | undefined): Principal {
    if (subject === undefined) {
      throw unauthenticated('a key or token is needed, as "Authorization: Bearer …" or "X-API-Key: …"');
    }
    const entry = this.#access.certificates.get(subject);
    if (entry === undefined)
      throw unauthenticated("the certificate's subject is unknown here, and there is no key or token");
    const { name, permissions } = entry;
    const valid = (): boolean => {
      const now = this.#access.certificates.get(subject);
      return now !== undefined && alike(now.permissions, permissions);
    };
    return { name, how: "certificate", permissions, valid };
  }

  /** The permissions of the first role that the token names and the file has. They are not put together: one role says it all. */
  #ofRoles(roles: readonly string[]): Permissions | undefined {
    const { ownRoles } = this.#access;
    return roles.map((name) => ownRoles.get(name)).find((permissions) => permissions !== undefined);
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}

function alike(a: Permissions, b: Permissions): boolean {
  return JSON.stringify(plain(a)) === JSON.stringify(plain(b));
}

function plain({ methods, readers, sources }: Permissions): unknown {
  return [methods === undefined ? "all" : [...methods].sort(), readers ?? "all", sources ?? "all"];
}

async function stampOf(file: string): Promise<string> {
  // By name every time: what rotates secrets replaces the file, or a link on the way to it.
  const { mtimeMs, ctimeMs, size, ino } = await stat(file);
  return `${mtimeMs}:${ctimeMs}:${size}:${ino}`;
}

function wordsFor(error: unknown): string {
  if (error instanceof AccessFileError) return error.message;
  return `cannot be read (${(error as { code?: string }).code ?? describeError(error)})`;
}
