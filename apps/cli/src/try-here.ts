import type { SourceConfig } from "@apispool/ingestor/config/source-config.js";
import { parseParentRecord } from "@apispool/ingestor/poll/parent-record.js";
import { type PollOptions, type PollOutcome, poll } from "@apispool/ingestor/poll/poll.js";
import { createParts } from "@apispool/ingestor/poll/source-parts.js";
import { trySource } from "@apispool/ingestor/try/try-source.js";
import { readSources } from "./config-file.js";
import type { ExitCode, Surroundings } from "./surroundings.js";
import { tell } from "./tried-text.js";

const never = new AbortController().signal;

export interface TryHereOptions {
  readonly file: string;
  readonly pages: number;
  readonly records: number;
}

type Tried = Awaited<ReturnType<typeof trySource>>;

/** Polls from here, as if the source had never been polled. The records go to the output, the rest to the errors. */
export async function tryHere(
  name: string,
  { file, pages, records }: TryHereOptions,
  around: Surroundings,
): Promise<ExitCode> {
  const sources = readSources(file, around);
  if (sources === undefined) return 1;
  const config = sources.find((source) => source.name === name);
  if (config === undefined) {
    around.err(`there is no source "${name}"; there are ${sources.map((source) => source.name).join(", ")}`);
    return 2;
  }
  const limits = { maxPages: pages, maxRecords: records };
  const parent = sources.find((source) => source.name === config.parent?.source);
  let pollIt = poll;
  if (parent !== undefined) {
    const fed = await once(parent, poll, { maxPages: 1, maxRecords: 1 }, around);
    const [first] = fed.records ?? [];
    if (first === undefined) {
      around.err(`its parent ${parent.name} has no record to ask for${fed.error === "" ? "" : `: ${fed.error}`}`);
      return 1;
    }
    around.err(`for the parent's record ${first.id}:`);
    const record = parseParentRecord(Buffer.from(first.json ?? ""));
    const item = { partition: 0, offset: 0 };
    pollIt = async (options) => poll({ ...options, parent: { item, record, after: {} } });
  }
  return tell(await once(config, pollIt, limits, around), around) ? 0 : 1;
}

async function once(
  config: SourceConfig,
  pollIt: (options: PollOptions) => Promise<PollOutcome>,
  limits: { readonly maxPages: number; readonly maxRecords: number },
  { env }: Surroundings,
): Promise<Tried> {
  const parts = createParts(config, { env });
  try {
    return await trySource({ config, parts, poll: pollIt, known: undefined, signal: never, now: Date.now, ...limits });
  } finally {
    parts.http.close();
  }
}
