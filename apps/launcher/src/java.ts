import { join } from "node:path";
import { runCommand } from "./command.js";

/** The oldest Java that Kafka 4.x brokers run on. */
const oldestJava = 17;

export interface Java {
  readonly command: string;
  readonly version: number;
}

/** The Java that is there (JAVA_HOME, else PATH), when it is new enough; otherwise what is wrong with it. */
export async function findJava(
  env: Readonly<Record<string, string | undefined>>,
  signal?: AbortSignal,
): Promise<Java | { readonly problem: string }> {
  const home = env["JAVA_HOME"];
  const candidates = [...(home === undefined || home === "" ? [] : [join(home, "bin", "java")]), "java"];
  let problem = "there is no Java";
  for (const command of candidates) {
    const { code, text } = await runCommand(command, ["-version"], signal === undefined ? {} : { signal });
    if (code !== 0) continue;
    const version = Number(/version "(?:1\.)?(\d+)/.exec(text)?.[1] ?? Number.NaN);
    if (version >= oldestJava) return { command, version };
    problem = `${command} is Java ${Number.isNaN(version) ? "of an unknown version" : version}`;
  }
  return { problem };
}
