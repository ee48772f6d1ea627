import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import http from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Interceptor, type Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { type CryptoKey, SignJWT, exportJWK, exportSPKI, generateKeyPair } from "jose";
import { pino } from "pino";
import { Harness } from "../../testing/harness.js";
import { type NewKey, makeKey } from "../api-keys.js";
import { type AccessSettings, openAccess } from "../settings.js";

export const issuer = "https://id.example.com/";

/** A gateway that asks who calls; who may what is in its access file. */
export class AccessHarness {
  readonly harness: Harness;
  readonly folder: string;
  readonly keys: Readonly<Record<"admin" | "limited" | "reader" | "status", NewKey>>;
  readonly issuer: TokenIssuer;
  /** Every line that was logged. */
  readonly lines: string[];

  private constructor(fields: Pick<AccessHarness, "harness" | "folder" | "keys" | "issuer" | "lines">) {
    ({ harness: this.harness, folder: this.folder, keys: this.keys, issuer: this.issuer, lines: this.lines } = fields);
  }

  static async start(settings: Partial<AccessSettings> = {}): Promise<AccessHarness> {
    const folder = await mkdtemp(join(tmpdir(), "apispool-access-"));
    const keys = { admin: makeKey(), limited: makeKey(), reader: makeKey(), status: makeKey() };
    const tokenIssuer = await TokenIssuer.create();
    await writeFile(join(folder, "jwks.json"), JSON.stringify({ keys: [tokenIssuer.publicJwk] }));
    const file = join(folder, "access.yaml");
    await writeFile(file, accessFile(keys, join(folder, "jwks.json")));
    const lines: string[] = [];
    const log = pino({ level: "trace" }, { write: (line: string) => void lines.push(line) });
    const access = {
      ...openAccess,
      allowedHosts: undefined,
      file,
      failureLimit: { perSecond: 1, burst: 1000 },
      ...settings,
    };
    const harness = await Harness.startWithStore({ access }, log);
    return new AccessHarness({ harness, folder, keys, issuer: tokenIssuer, lines });
  }

  get url(): string {
    return this.harness.url;
  }

  get file(): string {
    return join(this.folder, "access.yaml");
  }

  /** What was written to the audit log. */
  get audit(): readonly Record<string, unknown>[] {
    return this.lines.map((line) => JSON.parse(line) as Record<string, unknown>).filter(({ kind }) => kind === "audit");
  }

  async fetch(path: string, credential: string | undefined, init: RequestInit = {}): Promise<Response> {
    const headers = new Headers(init.headers);
    if (credential !== undefined) headers.set("authorization", `Bearer ${credential}`);
    return fetch(`${this.url}${path}`, { ...init, headers });
  }

  async post(path: string, credential: string | undefined, body: unknown): Promise<Response> {
    const headers = { "content-type": "application/json" };
    return this.fetch(path, credential, { method: "POST", headers, body: JSON.stringify(body) });
  }

  /** The same gateway by each of the other protocols. */
  transports(credential: string | undefined): readonly (readonly [name: string, transport: Transport])[] {
    const show: Interceptor = (next) => async (request) => {
      if (credential !== undefined) request.header.set("x-api-key", credential);
      return next(request);
    };
    const options = { baseUrl: this.url, interceptors: [show] };
    return [
      ["gRPC", createGrpcTransport(options)],
      ["gRPC-Web", createGrpcWebTransport({ ...options, httpVersion: "1.1" })],
      ["Connect", createConnectTransport({ ...options, httpVersion: "1.1" })],
      ["Connect with JSON", createConnectTransport({ ...options, httpVersion: "2", useBinaryFormat: false })],
    ];
  }

  async stop(): Promise<void> {
    await this.harness.stop();
    await rm(this.folder, { recursive: true });
  }
}

export function accessFile(keys: AccessHarness["keys"], jwks: string): string {
  const key = (name: keyof typeof keys, role: string): string =>
    `  - { name: ${name}-key, role: ${role}, sha256: "${keys[name].sha256}" }\n`;
  return `roles:
  team-a: { allow: [read, seek, control, DataReader/DeleteReader], readers: ["team-a."], sources: [quakes] }
  elsewhere: { allow: [admin], sources: [tides] }
  boss: { allow: [admin] }
keys:
${key("admin", "admin")}${key("limited", "team-a")}${key("reader", "elsewhere")}${key("status", "status")}jwt:
  issuer: ${issuer}
  audience: apispool
  jwks: ${jwks}
  algorithms: [RS256]
  clockTolerance: 5
  roleClaim: realm.roles
`;
}

export interface TokenChanges {
  readonly iss?: string;
  readonly aud?: string;
  readonly exp?: number;
  readonly nbf?: number;
  readonly kid?: string;
  readonly roles?: readonly string[];
}

/** Somebody who gives tokens out. */
export class TokenIssuer {
  readonly publicJwk: Readonly<Record<string, unknown>>;
  /** The public key as PEM, as forgers use it for an HMAC. */
  readonly publicPem: string;
  readonly #privateKey: CryptoKey;

  private constructor(publicJwk: Readonly<Record<string, unknown>>, publicPem: string, privateKey: CryptoKey) {
    this.publicJwk = publicJwk;
    this.publicPem = publicPem;
    this.#privateKey = privateKey;
  }

  static async create(kid = "one"): Promise<TokenIssuer> {
    const { publicKey, privateKey } = await generateKeyPair("RS256", { extractable: true });
    const jwk = { ...(await exportJWK(publicKey)), kid, alg: "RS256", use: "sig" };
    return new TokenIssuer(jwk, await exportSPKI(publicKey), privateKey);
  }

  async token(changes: TokenChanges = {}): Promise<string> {
    return tokenWith(changes, "RS256", this.#privateKey);
  }

  /** HS256, with the public key for its secret (the confusion of RFC 8725, section 2.1). */
  async confused(secret: string): Promise<string> {
    return tokenWith({}, "HS256", new TextEncoder().encode(secret));
  }

  /** Not signed at all (RFC 7515, appendix A.5). */
  unsigned(): string {
    const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
    return `${part({ alg: "none" })}.${part(claimsWith({}))}.`;
  }
}

function claimsWith({ iss = issuer, aud = "apispool", exp = now() + 60, nbf, roles = ["boss"] }: TokenChanges) {
  return { sub: "ada", iss, aud, exp, ...(nbf === undefined ? {} : { nbf }), realm: { roles } };
}

async function tokenWith(changes: TokenChanges, alg: string, key: CryptoKey | Uint8Array): Promise<string> {
  return new SignJWT(claimsWith(changes)).setProtectedHeader({ alg, kid: changes.kid ?? "one" }).sign(key);
}

/** Seconds since 1970. */
export function now(): number {
  return Math.floor(Date.now() / 1000);
}

/** A GET as it is written here: fetch tidies paths up, and keeps what it may set of a browser's header fields. */
export async function rawGet(
  port: number,
  path: string,
  headers: Readonly<Record<string, string>> = {},
  method = "GET",
): Promise<{ readonly status: number; readonly headers: http.IncomingHttpHeaders; readonly text: string }> {
  const request = http.request({ host: "127.0.0.1", port, path, method, headers, agent: false }).end();
  const [response] = (await once(request, "response")) as [http.IncomingMessage];
  let text = "";
  for await (const chunk of response.setEncoding("utf8")) text += chunk;
  return { status: response.statusCode ?? 0, headers: response.headers, text };
}
