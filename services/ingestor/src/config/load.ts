import { existsSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import type { EnvReader } from "@apispool/common/env.js";
import { describeError } from "@apispool/common/errors.js";
import { serviceTlsFromEnv } from "@apispool/common/service-tls.js";
import type { TlsFiles } from "@apispool/common/tls-files.js";
import { type TelemetrySettings, telemetrySettingsFromEnv } from "@apispool/common/telemetry-settings.js";
import { kafkaSettingsFromEnv, type KafkaSettings } from "@apispool/kafka-log/settings.js";
import { At } from "./at.js";
import { compileSources } from "./compile-sources.js";
import { sourceFromEnv, sourceVariables } from "./env-source.js";
import type { Lookup } from "./interpolate.js";
import type { MapNode } from "./node.js";
import { Problems } from "./problems.js";
import type { ConfigFile } from "./schema.js";
import type { SourceConfig } from "./source-config.js";
import { validate } from "./validate.js";
import { readYaml } from "./yaml-node.js";

export interface IngestorConfig {
  /** host:port of the gRPC server; port 0 takes a free one. */
  readonly address: string;
  /** Who calls has to have a certificate of the same authority; undefined: cleartext. */
  readonly serviceTls?: TlsFiles | undefined;
  readonly kafka: Omit<KafkaSettings, "log">;
  readonly sources: readonly SourceConfig[];
  /** The file that the sources come from, to be watched; undefined where they come from variables. */
  readonly file: string | undefined;
  /** Undefined: nobody is told of anything. */
  readonly telemetry?: TelemetrySettings;
  /** Whether the APIs are sent a `traceparent` where there are traces. */
  readonly traceUpstream?: boolean;
}

/** Where a file's text comes from; throws where it cannot be read. */
export interface ConfigFiles {
  readonly exists: (path: string) => boolean;
  readonly read: (path: string) => string;
}

const realFiles: ConfigFiles = { exists: existsSync, read: (path) => readFileSync(path, "utf8") };

/**
 * Reads the ingestor's whole configuration: `apispool.yaml` (APISPOOL_CONFIG says where else it is), or SOURCE_* variables
 * where there is none. Everything that is wrong is left with the reader, whose `done()` throws it.
 */
export function loadIngestorConfig(env: EnvReader, files: ConfigFiles = realFiles): IngestorConfig {
  const [address = "127.0.0.1:50051"] = env.addresses("INGESTOR_ADDRESS", ["127.0.0.1:50051"]);
  const given = env.string("APISPOOL_CONFIG");
  const file = given ?? (files.exists("apispool.yaml") ? "apispool.yaml" : undefined);
  const problems = new Problems();
  const lookup: Lookup = (variable) => env.string(variable);
  const root = file === undefined ? sourceFromEnv(env, problems) : fileNode(file, files, lookup, problems);
  if (file !== undefined) refuseVariables(env, file);
  const config = root === undefined ? undefined : compileRoot(root, problems);
  for (const problem of problems.list()) env.problem(...split(problem));
  const telemetry = telemetrySettingsFromEnv(env, "127.0.0.1:9465");
  const traceUpstream = env.boolean("TRACE_UPSTREAM", false);
  const kafka = kafkaSettings(env, config?.kafka);
  return {
    address,
    kafka,
    sources: config?.sources ?? [],
    file,
    telemetry,
    traceUpstream,
    serviceTls: serviceTlsFromEnv(env),
  };
}

/** Checks a file's text without starting anything; `problems` is empty where it is right. */
export function checkConfigText(
  text: string,
  file: string,
  lookup: Lookup,
): { readonly sources: readonly SourceConfig[]; readonly problems: readonly string[] } {
  const problems = new Problems();
  const root = readYaml(text, basename(file), lookup, problems);
  const sources = root === undefined ? [] : compileRoot(root, problems).sources;
  return { sources, problems: problems.list() };
}

function fileNode(file: string, files: ConfigFiles, lookup: Lookup, problems: Problems): MapNode | undefined {
  let text: string;
  try {
    text = files.read(file);
  } catch (error) {
    const place = { position: file, key: "", line: 0, column: 0 };
    problems.add(place, `cannot be read: ${describeError(error)}; APISPOOL_CONFIG must be the path of a file`);
    return undefined;
  }
  return readYaml(text, basename(file), lookup, problems);
}

interface CompiledRoot {
  readonly kafka: ConfigFile["kafka"];
  readonly sources: readonly SourceConfig[];
}

function compileRoot(root: MapNode, problems: Problems): CompiledRoot {
  const valid = new At<Partial<ConfigFile>>(validate(root, problems));
  const sources = valid.get("sources")?.node;
  const defaults = valid.get("defaults")?.node;
  if (sources?.kind !== "map") return { kafka: valid.get("kafka")?.value, sources: [] };
  if (sources.entries.size === 0 && !problems.any) {
    problems.add(sources.place, "is empty; must be a map with at least one source");
  }
  return {
    kafka: valid.get("kafka")?.value,
    sources: compileSources(sources, defaults?.kind === "map" ? defaults : undefined, problems),
  };
}

/** Two places that say what to poll are one too many: one of them would be passed over in silence. */
function refuseVariables(env: EnvReader, file: string): void {
  for (const name of sourceVariables) {
    if (env.string(name) === undefined) continue;
    env.problem(name, `is set, but the sources come from ${file}; unset it, or write it into that file`);
  }
}

/** The environment goes before the file, so that one file serves in several places. */
function kafkaSettings(env: EnvReader, file: ConfigFile["kafka"]): Omit<KafkaSettings, "log"> {
  const settings = kafkaSettingsFromEnv(env, "apispool-ingestor");
  return {
    ...settings,
    brokers: env.string("KAFKA_BROKERS") === undefined ? (file?.brokers ?? settings.brokers) : settings.brokers,
    topicPrefix:
      env.string("TOPIC_PREFIX") === undefined ? (file?.topic_prefix ?? settings.topicPrefix) : settings.topicPrefix,
  };
}

/** The reader puts the name and the text together again. */
function split(problem: string): [name: string, what: string] {
  const at = problem.indexOf(": ");
  return [problem.slice(0, at), problem.slice(at + 2)];
}
