import type { Logger } from "@apispool/common/logger.js";
import { type ConfigWatch, watchConfig } from "./config/watch.js";
import { type IngestorConfig } from "./config/load.js";
import { diffSources } from "./config/diff.js";
import { describeError } from "@apispool/common/errors.js";
import type { ProxyEnvironment } from "./http/proxy.js";
import { type RunningIngestor, startIngestor } from "./ingestor.js";
import { sleep } from "./deadline.js";

const RETRY_MS = 2000;

export interface ReloadingOptions {
  /** Reads the configuration anew; throws ConfigError where it is wrong. */
  readonly load: () => IngestorConfig;
  readonly proxyEnv?: ProxyEnvironment;
  /** How long the file has to be quiet before it is read, and how often it is looked at, in milliseconds. */
  readonly timing?: { readonly settleMs: number; readonly pollMs: number };
}

/** An ingestor that follows its configuration file. What is wrong in it is logged, and what ran goes on. */
export async function startReloading(
  config: IngestorConfig,
  log: Logger,
  { load, proxyEnv, timing }: ReloadingOptions,
): Promise<{ running: RunningIngestor; reload: () => void }> {
  const ingestor = await startIngestor(config, log, proxyEnv === undefined ? {} : { env: proxyEnv });
  const stopping = new AbortController();
  let current = config.sources;
  let applying: Promise<void> = Promise.resolve();
  const turns = { newest: 0 };

  /** Tries until Kafka takes it, or a newer configuration has come. */
  const apply = async (next: IngestorConfig, turn: number): Promise<void> => {
    const { added, removed, changed } = diffSources(current, next.sources);
    const names = (what: string, list: readonly { readonly name: string }[]): string[] =>
      list.length === 0 ? [] : [`${what} ${list.map(({ name }) => name).join(", ")}`];
    const news = [...names("added", added), ...names("removed", removed), ...names("changed", changed)];
    while (!stopping.signal.aborted && turn === turns.newest) {
      try {
        await ingestor.reload(next.sources);
        current = next.sources;
        log.info(news.length === 0 ? "configuration read again: nothing to do" : `configuration: ${news.join("; ")}`);
        return;
      } catch (error) {
        log.warn(`the new configuration waits: ${describeError(error)}`);
        await sleep(RETRY_MS, stopping.signal);
      }
    }
  };

  let watch: ConfigWatch | undefined;
  const { file } = config;
  if (file !== undefined) {
    watch = watchConfig({
      file,
      load,
      onConfig: (next) => {
        turns.newest += 1;
        const turn = turns.newest;
        applying = applying.then(async () => apply(next, turn));
      },
      onProblems: (problems) => log.error(`the configuration is wrong, what ran goes on:\n  ${problems.join("\n  ")}`),
      ...timing,
    });
  }
  return {
    reload: () => {
      if (watch === undefined) log.info("there is no configuration file to read again");
      else watch.reload();
    },
    running: {
      ...ingestor,
      async stop() {
        watch?.close();
        stopping.abort();
        await applying;
        await ingestor.stop();
      },
    },
  };
}
