import { parseDocument } from "yaml";
import { type Permissions, everything, groups, methodsOf } from "./permissions.js";

/** A key as the file has it: never the key itself. */
export interface AccessKey {
  readonly name: string;
  /** SHA-256 of the key. A key holds 256 random bits, so that nothing slower is needed to keep it from being guessed. */
  readonly sha256: Buffer;
  readonly permissions: Permissions;
  /** Milliseconds since 1970; undefined: never. */
  readonly expiresAt: number | undefined;
}

/** How tokens (JWT, RFC 7519) are checked. */
export interface TokenRules {
  readonly issuer: string;
  readonly audience: string;
  /** Signatures that are taken; none of them is made with a secret that both sides have. */
  readonly algorithms: readonly string[];
  /** Where the issuer's public keys are (RFC 7517): an address or a file. */
  readonly jwks: { readonly url: string } | { readonly file: string };
  /** How far clocks may differ, in seconds. */
  readonly clockToleranceSeconds: number;
  /** The claim that is the caller's name, and the one that names its roles (dots go into objects). */
  readonly nameClaim: string;
  readonly roleClaim: string;
}

/** Who may do what. */
export interface Access {
  /**
   * The roles that the file itself describes: those that tokens may name. What an issuer calls "admin" may be somebody
   * else's.
   */
  readonly ownRoles: ReadonlyMap<string, Permissions>;
  readonly keys: readonly AccessKey[];
  readonly tokens: TokenRules | undefined;
  /** By the subject of a client's certificate. */
  readonly certificates: ReadonlyMap<string, { readonly name: string; readonly permissions: Permissions }>;
}

/** Says everything that is wrong with an access file. */
export class AccessFileError extends Error {
  override readonly name = "AccessFileError";
  readonly problems: readonly string[];
  constructor(problems: readonly string[]) {
    super(problems.join("; "));
    this.problems = problems;
  }
}

/** Signatures by a private key, whose public half is all that is known here: RFC 7518, RFC 8037. */
const signatures = [
  "RS256",
  "RS384",
  "RS512",
  "PS256",
  "PS384",
  "PS512",
  "ES256",
  "ES384",
  "ES512",
  "EdDSA",
  "Ed25519",
];

/** Reads YAML, or JSON, which is YAML. Throws {@link AccessFileError}; no text quotes a value that might be a key. */
export function parseAccess(text: string): Access {
  const document = parseDocument(text, { uniqueKeys: true });
  if (document.errors.length > 0) {
    // The library's texts quote the line, which may hold a hash.
    throw new AccessFileError(
      document.errors.map(({ code, linePos }) => `it is not YAML: line ${linePos?.[0].line ?? "?"}: ${code}`),
    );
  }
  return new Reading().access(document.toJS({ maxAliasCount: 100 }));
}

type Fields = Readonly<Record<string, unknown>>;

class Reading {
  readonly #problems: string[] = [];
  readonly #roles = new Map<string, Permissions>();

  access(value: unknown): Access {
    const file = this.#object(value ?? {}, "the file", ["roles", "keys", "jwt", "certificates"]);
    for (const name of Object.keys(groups)) this.#roles.set(name, this.#permissions({ allow: [name] }, name));
    const roles = this.#object(file["roles"] ?? {}, "roles");
    for (const [name, role] of Object.entries(roles)) {
      const at = `roles.${name}`;
      if (Object.hasOwn(groups, name)) this.#wrong(at, "is there already; call it something else");
      this.#roles.set(name, this.#permissions(this.#object(role, at, ["allow", "readers", "sources"]), at));
    }
    const keys = this.#list(file["keys"] ?? [], "keys").map((key, index) => this.#key(key, `keys[${index}]`));
    this.#unique(keys);
    const certificates = this.#list(file["certificates"] ?? [], "certificates").map((one, index) => {
      const at = `certificates[${index}]`;
      const fields = this.#object(one, at, ["subject", "name", "role"]);
      const subject = this.#string(fields["subject"], `${at}.subject`);
      const name = fields["name"] === undefined ? subject : this.#string(fields["name"], `${at}.name`);
      return [subject, { name, permissions: this.#role(fields["role"], `${at}.role`) }] as const;
    });
    const tokens = file["jwt"] === undefined ? undefined : this.#tokens(file["jwt"]);
    if (this.#problems.length > 0) throw new AccessFileError(this.#problems);
    const ownRoles = new Map([...this.#roles].filter(([name]) => Object.hasOwn(roles, name)));
    return { ownRoles, keys, tokens, certificates: new Map(certificates) };
  }

  #key(value: unknown, at: string): AccessKey {
    const fields = this.#object(value, at, ["name", "sha256", "role", "expires"]);
    const name = this.#string(fields["name"], `${at}.name`);
    if (name !== "" && !/^[\w.@-]{1,100}$/.test(name)) {
      this.#wrong(`${at}.name`, 'must be 1 to 100 letters, digits, ".", "_", "@" or "-"');
    }
    const hash = fields["sha256"];
    const good = typeof hash === "string" && /^[0-9a-f]{64}$/i.test(hash);
    if (!good)
      this.#wrong(
        `${at}.sha256`,
        'must be 64 hexadecimal digits, in quotes; "apispool key" makes a key and prints them',
      );
    return {
      name,
      sha256: Buffer.from(good ? hash : "", "hex"),
      permissions: this.#role(fields["role"], `${at}.role`),
      expiresAt: this.#time(fields["expires"], `${at}.expires`),
    };
  }

  #unique(keys: readonly AccessKey[]): void {
    const names = new Set<string>();
    for (const { name } of keys) {
      if (names.has(name)) this.#wrong("keys", `two are called "${name}"`);
      names.add(name);
    }
  }

  #tokens(value: unknown): TokenRules {
    const known = ["issuer", "audience", "jwks", "algorithms", "clockTolerance", "nameClaim", "roleClaim"];
    const fields = this.#object(value, "jwt", known);
    const algorithms = this.#strings(fields["algorithms"] ?? ["RS256", "ES256"], "jwt.algorithms");
    for (const name of algorithms) {
      if (!signatures.includes(name))
        this.#wrong("jwt.algorithms", `"${name}" is not possible; possible are ${signatures.join(", ")}`);
    }
    if (algorithms.length === 0) this.#wrong("jwt.algorithms", "is empty; then no token could be right");
    const tolerance = fields["clockTolerance"] ?? 30;
    if (typeof tolerance !== "number" || !(tolerance >= 0 && tolerance <= 300)) {
      this.#wrong("jwt.clockTolerance", "must be a number of seconds from 0 to 300");
    }
    const jwks = this.#string(fields["jwks"], "jwt.jwks");
    const isUrl = /^https?:\/\//.test(jwks);
    if (isUrl && (!URL.canParse(jwks) || new URL(jwks).username !== "")) {
      this.#wrong("jwt.jwks", "must be an address without a user in it, or the path of a file");
    }
    const local = isUrl && URL.canParse(jwks) && isLoopback(new URL(jwks).hostname);
    if (jwks.startsWith("http:") && !local) {
      this.#wrong("jwt.jwks", "must begin with https://: who could change these keys could make any token");
    }
    return {
      issuer: this.#string(fields["issuer"], "jwt.issuer"),
      audience: this.#string(fields["audience"], "jwt.audience"),
      algorithms,
      jwks: isUrl ? { url: jwks } : { file: jwks },
      clockToleranceSeconds: typeof tolerance === "number" ? tolerance : 0,
      nameClaim: this.#string(fields["nameClaim"] ?? "sub", "jwt.nameClaim"),
      roleClaim: this.#string(fields["roleClaim"] ?? "roles", "jwt.roleClaim"),
    };
  }

  #role(value: unknown, at: string): Permissions {
    const name = this.#string(value, at);
    const role = this.#roles.get(name);
    if (role === undefined && name !== "") {
      this.#wrong(at, `is "${name}", which is not there; there are ${[...this.#roles.keys()].join(", ")}`);
    }
    return role ?? everything;
  }

  #permissions(fields: Fields, at: string): Permissions {
    const allow = this.#strings(fields["allow"], `${at}.allow`);
    const list = (name: string): readonly string[] | undefined =>
      fields[name] === undefined ? undefined : this.#strings(fields[name], `${at}.${name}`);
    const [readers, sources] = [list("readers"), list("sources")];
    return {
      methods: methodsOf(allow, (index, problem) => this.#wrong(`${at}.allow[${index}]`, problem)),
      readers,
      sources,
    };
  }

  #object(value: unknown, at: string, known?: readonly string[]): Fields {
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      this.#wrong(at, "must be a mapping of names to values");
      return {};
    }
    for (const name of Object.keys(value)) {
      if (known?.includes(name) === false) this.#wrong(`${at}.${name}`, `is unknown; known are ${known.join(", ")}`);
    }
    return value as Fields;
  }

  #list(value: unknown, at: string): readonly unknown[] {
    if (Array.isArray(value)) return value;
    this.#wrong(at, "must be a list");
    return [];
  }

  #strings(value: unknown, at: string): readonly string[] {
    return this.#list(value, at).map((one, index) => this.#string(one, `${at}[${index}]`));
  }

  #string(value: unknown, at: string): string {
    if (typeof value === "string" && value !== "") return value;
    this.#wrong(at, value === undefined ? "is missing" : "must be a text that is not empty");
    return "";
  }

  #time(value: unknown, at: string): number | undefined {
    if (value === undefined) return undefined;
    const ms = typeof value === "string" ? Date.parse(value) : Number.NaN;
    if (Number.isNaN(ms)) this.#wrong(at, 'must be a time such as "2027-01-01T00:00:00Z"');
    return ms;
  }

  #wrong(at: string, problem: string): void {
    this.#problems.push(`${at} ${problem}`);
  }
}

/** Whether a host is this machine, as a name or an address says it. */
export function isLoopback(host: string): boolean {
  const name = host
    .replace(/^\[|\]$/g, "")
    .replace(/\.$/, "")
    .toLowerCase();
  return name === "localhost" || name.endsWith(".localhost") || name === "::1" || /^127(\.\d{1,3}){3}$/.test(name);
}
