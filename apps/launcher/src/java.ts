import { join } from "node:path";
import { runCommand } from "./command.js";
import type { Variables } from "./services.js";

/** The oldest Java that Kafka 4.x brokers run on. */
const oldestJava = 17;

export interface Java {
  readonly command: string;
  readonly version: number;
}

/** The Java that is there (JAVA_HOME, else PATH), when it is new enough; otherwise what is wrong with it. */
export async function findJava(env: Variables, signal?: AbortSignal): Promise<Java | { readonly problem: string }> {
  let problem = "there is no Java";
  for (const command of javaCandidates(env)) {
    const { code, text } = await runCommand(command, ["-version"], signal === undefined ? {} : { signal });
    if (code !== 0) continue;
    const version = Number(/version "(?:1\.)?(\d+)/.exec(text)?.[1] ?? Number.NaN);
    if (version >= oldestJava) return { command, version };
    problem = `${command} is Java ${Number.isNaN(version) ? "of an unknown version" : version}`;
  }
  return { problem };
}

/** JAVA_HOME's, where it is set; then the one on PATH. */
export function javaCandidates(env: Variables): readonly string[] {
  const home = env["JAVA_HOME"];
  return [...(home === undefined || home === "" ? [] : [join(home, "bin", "java")]), "java"];
}
