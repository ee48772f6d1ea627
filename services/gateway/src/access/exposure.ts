import { isLoopback } from "./access-file.js";

/** What the rule needs to know. */
export interface Exposure {
  /** Where it listens, or where a container's port is published. */
  readonly host: string;
  /** Whether callers have to say who they are. */
  readonly authentication: boolean;
  /** Whether what is said on the way is encrypted. */
  readonly tls: boolean;
  readonly insecure: ReadonlySet<Insecurity>;
}

/** What may be left out on purpose. */
export type Insecurity = (typeof insecurities)[number];
export const insecurities = ["no-authentication", "no-tls"] as const;

/** Why the gateway must not start so, a sentence each; none where all is well. On loopback all is well. */
export function exposureProblems({ host, authentication, tls, insecure }: Exposure): string[] {
  if (isLoopback(host)) return [];
  const problems: string[] = [];
  if (!authentication && !insecure.has("no-authentication")) {
    problems.push(
      `${host} can be reached from other machines, and nobody would be asked who they are: set ACCESS_FILE ` +
        "(docs/security.md), or say INSECURE=no-authentication where something in front asks",
    );
  }
  if (!tls && !insecure.has("no-tls")) {
    problems.push(
      `${host} can be reached from other machines, and keys and records would travel in clear text: set up TLS, or say ` +
        "INSECURE=no-tls where something in front does that",
    );
  }
  return problems;
}

/** What is said at the start where something is left out although others can reach it. */
export function exposureWarning({ host, authentication, tls }: Exposure): string | undefined {
  if (isLoopback(host) || (authentication && tls)) return undefined;
  const lacks = [...(authentication ? [] : ["without asking who calls"]), ...(tls ? [] : ["without TLS"])].join(
    " and ",
  );
  return `INSECURE: ${host} can be reached from other machines, ${lacks}`;
}
