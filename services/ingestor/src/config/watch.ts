import { createHash } from "node:crypto";
import { type FSWatcher, readFileSync, realpathSync, watch } from "node:fs";
import { dirname, resolve } from "node:path";
import { ConfigError } from "@apispool/common/env.js";
import { describeError } from "@apispool/common/errors.js";
import type { IngestorConfig } from "./load.js";

export interface WatchOptions {
  readonly file: string;
  /** Reads everything anew; throws ConfigError where it is wrong. */
  readonly load: () => IngestorConfig;
  /** A configuration that is right; whether it differs is for `diffSources` to say. */
  readonly onConfig: (config: IngestorConfig) => void;
  /** Why the file cannot be used. What ran goes on running. */
  readonly onProblems: (problems: readonly string[]) => void;
  /** How long the folder has to be quiet: an editor writes in several steps. */
  readonly settleMs?: number;
  /** How often the file is looked at all the same: network and container file systems do not always tell. */
  readonly pollMs?: number;
}

export interface ConfigWatch {
  /** Reads the file now, changed or not (SIGHUP). */
  reload(): void;
  close(): void;
}

/**
 * Watches a configuration file. Its folder is watched, not the file: editors put a new file in its place, and Kubernetes
 * moves the link that the file is reached by.
 */
export function watchConfig(options: WatchOptions): ConfigWatch {
  const { file, load, onConfig, onProblems, settleMs = 200, pollMs = 10_000 } = options;
  let seen = contentHash(file);
  let settle: NodeJS.Timeout | undefined;
  let watchers: readonly FSWatcher[] = [];
  let watched = "";

  const reload = (): void => {
    seen = contentHash(file);
    let config: IngestorConfig;
    try {
      config = load();
    } catch (error) {
      onProblems(error instanceof ConfigError ? error.problems : [`${file}: ${describeError(error)}`]);
      return;
    }
    onConfig(config);
  };
  const look = (): void => {
    arm();
    if (contentHash(file) !== seen) reload();
  };
  const soon = (): void => {
    clearTimeout(settle);
    settle = setTimeout(look, settleMs);
    settle.unref();
  };
  const disarm = (): void => {
    for (const watcher of watchers) watcher.close();
    watchers = [];
  };
  /** The folder of the file and the one that it is really in; they change when a link is moved. */
  const arm = (): void => {
    const folders = foldersOf(file);
    if (folders.join("\n") === watched && watchers.length === folders.length) return;
    disarm();
    watched = folders.join("\n");
    watchers = folders.flatMap((folder) => {
      try {
        const watcher = watch(folder, { persistent: false }, soon);
        // The folder is gone; looking at the file now and then finds the new one.
        watcher.on("error", disarm);
        return [watcher];
      } catch {
        return [];
      }
    });
  };

  arm();
  const timer = setInterval(look, pollMs);
  timer.unref();
  return {
    reload,
    close() {
      clearTimeout(settle);
      clearInterval(timer);
      disarm();
    },
  };
}

function foldersOf(file: string): readonly string[] {
  const named = dirname(resolve(file));
  try {
    return [...new Set([named, dirname(realpathSync(file))])];
  } catch {
    return [named];
  }
}

/** Undefined where the file is not there. */
function contentHash(file: string): string | undefined {
  try {
    return createHash("sha256").update(readFileSync(file)).digest("hex");
  } catch {
    return undefined;
  }
}
