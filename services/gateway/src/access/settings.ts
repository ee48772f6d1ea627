import type { EnvReader } from "@apispool/common/env.js";
import { isLoopback } from "./access-file.js";
import { type Insecurity, exposureProblems, exposureWarning, insecurities } from "./exposure.js";
import type { RateLimit } from "./rate-limiter.js";

/** What the gateway is told of who may do what. */
export interface AccessSettings {
  /** Keys, tokens, roles; undefined: nobody is asked who they are. */
  readonly file: string | undefined;
  /** Pages of other origins that may call; `*`: any. */
  readonly allowedOrigins: readonly string[];
  /** Names that the gateway is called by, beside loopback's, addresses and names without a dot; undefined: any. */
  readonly allowedHosts: readonly string[] | undefined;
  /** Undefined: no limit. */
  readonly rateLimit: RateLimit | undefined;
  readonly controlLimit: RateLimit | undefined;
  /** Attempts with wrong keys or tokens from one address. */
  readonly failureLimit: RateLimit;
  /** To be said at the start. */
  readonly warning?: string | undefined;
}

/** Nobody is asked, as on loopback; for tests, and as the base of others. */
export const openAccess: AccessSettings = {
  file: undefined,
  allowedOrigins: [],
  allowedHosts: [],
  rateLimit: undefined,
  controlLimit: undefined,
  failureLimit: { perSecond: 10 / 60, burst: 10 },
};

/** Reads the settings; `tls`: whether the gateway speaks TLS. Problems are collected by the reader. */
export function accessSettingsFromEnv(
  env: EnvReader,
  listening: { readonly host: string; readonly tls: boolean },
): AccessSettings {
  const file = env.string("ACCESS_FILE");
  const authentication = file !== undefined;
  const insecure = insecuritiesFrom(env);
  const host = env.string("PUBLISHED_HOST", listening.host);
  const exposure = { host, authentication, tls: listening.tls, insecure };
  for (const problem of exposureProblems(exposure))
    env.problem(env.string("PUBLISHED_HOST") === undefined ? "HOST" : "PUBLISHED_HOST", problem);
  const allowedOrigins = listFrom(env, "ALLOWED_ORIGINS");
  for (const origin of allowedOrigins) {
    if (origin === "*") {
      if (!authentication)
        env.problem("ALLOWED_ORIGINS", '"*" needs ACCESS_FILE: any page in the internet could do everything');
    } else if (!URL.canParse(origin) || new URL(origin).origin !== origin) {
      env.problem("ALLOWED_ORIGINS", `"${origin}" is no origin such as https://app.example.com, without a path`);
    }
  }
  const hosts = listFrom(env, "ALLOWED_HOSTS").map((name) => name.toLowerCase());
  const checksHosts = hosts.length > 0 || !authentication;
  const limited = authentication || !isLoopback(host) ? { requests: 200, control: 120 } : { requests: 0, control: 0 };
  const requests = env.integer("RATE_LIMIT", { fallback: limited.requests, min: 0, max: 1_000_000 });
  const burst = env.integer("RATE_BURST", { fallback: Math.max(1, 2 * requests), min: 1, max: 10_000_000 });
  const control = env.integer("CONTROL_RATE_LIMIT", { fallback: limited.control, min: 0, max: 1_000_000 });
  const failures = env.integer("AUTH_FAILURE_LIMIT", { fallback: 10, min: 1, max: 10_000 });
  return {
    file,
    allowedOrigins,
    allowedHosts: checksHosts ? hosts : undefined,
    rateLimit: requests === 0 ? undefined : { perSecond: requests, burst },
    controlLimit: control === 0 ? undefined : { perSecond: control / 60, burst: Math.max(1, Math.ceil(control / 2)) },
    failureLimit: { perSecond: failures / 60, burst: failures },
    warning: exposureWarning(exposure),
  };
}

function insecuritiesFrom(env: EnvReader): ReadonlySet<Insecurity> {
  const list = listFrom(env, "INSECURE");
  if (list.length === 1 && list[0] === "true") return new Set(insecurities);
  if (list.length === 1 && list[0] === "false") return new Set();
  const known = list.filter((name): name is Insecurity => (insecurities as readonly string[]).includes(name));
  if (known.length < list.length) {
    env.problem("INSECURE", `"${list.join(",")}" is not true, false, or one or both of ${insecurities.join(", ")}`);
  }
  return new Set(known);
}

function listFrom(env: EnvReader, name: string): readonly string[] {
  return (env.string(name) ?? "")
    .split(",")
    .map((one) => one.trim())
    .filter((one) => one !== "");
}
