import { checkConfigText } from "@apispool/ingestor/config/load.js";
import type { SourceConfig } from "@apispool/ingestor/config/source-config.js";
import type { Surroundings } from "./surroundings.js";

/** The sources of a file; undefined, and what is wrong is told, where it is not right. */
export function readSources(
  file: string,
  { env, read, err }: Pick<Surroundings, "env" | "read" | "err">,
): readonly SourceConfig[] | undefined {
  const { sources, problems } = checkConfigText(read(file), file, (variable) => env[variable]);
  if (problems.length === 0) return sources;
  for (const problem of problems) err(problem);
  err(problems.length === 1 ? "1 problem" : `${problems.length} problems`);
  return undefined;
}
