import { describeError } from "./errors.js";

/** Thrown when the configuration is wrong; says everything that is wrong with it at once. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly problems: readonly string[];
  constructor(problems: readonly string[]) {
    super(`the configuration is wrong:\n${problems.map((p) => `  - ${p}`).join("\n")}`);
    this.problems = problems;
  }
}

/** Where settings come from: process.env in production, a plain object in tests. */
export type Env = Readonly<Record<string, string | undefined>>;

const durationUnits: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Parses a duration such as `500ms`, `30s`, `5m`, `1.5h`, `7d` into milliseconds. */
export function parseDuration(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text.trim());
  if (match === null) return undefined;
  return Number(match[1]) * (durationUnits[match[2] ?? ""] ?? Number.NaN);
}

/** Reads settings from the environment and collects every problem; `done()` throws them together. */
export class EnvReader {
  readonly #env: Env;
  readonly #problems: string[] = [];

  constructor(env: Env) {
    this.#env = env;
  }

  /** An empty variable counts as one that is not set. */
  #raw(name: string): string | undefined {
    const value = this.#env[name]?.trim();
    return value === "" ? undefined : value;
  }

  problem(name: string, what: string): void {
    this.#problems.push(`${name}: ${what}`);
  }

  string(name: string, fallback: string): string;
  string(name: string): string | undefined;
  string(name: string, fallback?: string): string | undefined {
    return this.#raw(name) ?? fallback;
  }

  oneOf<const T extends string>(name: string, allowed: readonly T[], fallback: T): T {
    const raw = this.#raw(name);
    if (raw === undefined) return fallback;
    const found = allowed.find((a) => a === raw);
    if (found === undefined) this.problem(name, `"${raw}" is not one of ${allowed.join(", ")}`);
    return found ?? fallback;
  }

  boolean(name: string, fallback: boolean): boolean {
    return this.oneOf(name, ["true", "false"], fallback ? "true" : "false") === "true";
  }

  integer(name: string, limits: { fallback: number; min: number; max: number }): number {
    const raw = this.#raw(name);
    if (raw === undefined) return limits.fallback;
    const value = /^-?\d+$/.test(raw) ? Number(raw) : Number.NaN;
    if (value >= limits.min && value <= limits.max) return value;
    this.problem(name, `"${raw}" is not a whole number from ${limits.min} to ${limits.max}`);
    return limits.fallback;
  }

  number(name: string, limits: { fallback: number; min: number; max: number }): number {
    const raw = this.#raw(name);
    if (raw === undefined) return limits.fallback;
    const value = Number(raw);
    if (value >= limits.min && value <= limits.max) return value;
    this.problem(name, `"${raw}" is not a number from ${limits.min} to ${limits.max}`);
    return limits.fallback;
  }

  port(name: string, fallback: number): number {
    return this.integer(name, { fallback, min: 0, max: 65535 });
  }

  /** A duration in milliseconds. */
  durationMs(name: string, limits: { fallback: number; min: number; max: number }): number {
    const raw = this.#raw(name);
    if (raw === undefined) return limits.fallback;
    const value = parseDuration(raw);
    if (value !== undefined && value >= limits.min && value <= limits.max) return value;
    this.problem(name, `"${raw}" is not a duration from ${limits.min}ms to ${limits.max}ms, such as 500ms, 30s, 5m`);
    return limits.fallback;
  }

  /** A comma-separated list of host:port. */
  addresses(name: string, fallback: readonly string[]): readonly string[] {
    const raw = this.#raw(name);
    if (raw === undefined) return fallback;
    const list = raw.split(",").map((s) => s.trim());
    for (const item of list) {
      if (!/^(\[[0-9a-fA-F:]+\]|[^\s:/]+):\d{1,5}$/.test(item)) {
        this.problem(name, `"${item}" is not an address of the form host:port`);
      }
    }
    return list;
  }

  httpUrl(name: string, fallback: string): string;
  httpUrl(name: string): string | undefined;
  httpUrl(name: string, fallback?: string): string | undefined {
    const raw = this.#raw(name);
    if (raw === undefined) return fallback;
    try {
      const { protocol } = new URL(raw);
      if (protocol === "http:" || protocol === "https:") return raw;
      this.problem(name, `"${raw}" must begin with http:// or https://`);
    } catch (error) {
      this.problem(name, `"${raw}" is not a URL: ${describeError(error)}`);
    }
    return fallback;
  }

  /** Throws {@link ConfigError} when anything was wrong. */
  done(): void {
    if (this.#problems.length > 0) throw new ConfigError(this.#problems);
  }
}
