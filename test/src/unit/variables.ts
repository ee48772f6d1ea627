import { coloursFromEnv } from "@apispool/cli/colours.js";
import { cliSettingsFromEnv } from "@apispool/cli/settings.js";
import { demoConfigFromEnv } from "@apispool/demo-api/demo.js";
import { EnvReader } from "@apispool/common/env.js";
import { telemetrySettingsFromEnv } from "@apispool/common/telemetry-settings.js";
import { processSettingsFromEnv } from "@apispool/common/process-settings.js";
import { gatewayConfigFromEnv } from "@apispool/gateway/config.js";
import { loadIngestorConfig } from "@apispool/ingestor/config/load.js";
import { launcherConfigFromEnv } from "@apispool/launcher/config.js";
import { javaCandidates } from "@apispool/launcher/java.js";
import { sourceFromEnv, sourceVariables } from "@apispool/launcher/source.js";
import { readerConfigFromEnv } from "@apispool/reader/config.js";
import { storeConfigFromEnv } from "@apispool/store/config.js";

type Env = Readonly<Record<string, string | undefined>>;

/** What reads the settings of whom; the names are the headings in docs/configuration.md. */
const readers = {
  "npm start": (env) => {
    launcherConfigFromEnv(new EnvReader(env), "/");
    sourceVariables(sourceFromEnv(env), "127.0.0.1:1", env);
    javaCandidates(env);
  },
  "Every service": (env) => processSettingsFromEnv(new EnvReader(env)),
  Telemetry: (env) => telemetrySettingsFromEnv(new EnvReader(env), "127.0.0.1:1"),
  Ingestor: (env) => loadIngestorConfig(new EnvReader(env), { exists: () => false, read: () => "" }),
  Reader: (env) => readerConfigFromEnv(new EnvReader(env)),
  Store: (env) => storeConfigFromEnv(new EnvReader(env)),
  Gateway: (env) => gatewayConfigFromEnv(new EnvReader(env)),
  "Demo API": (env) => demoConfigFromEnv(new EnvReader(env)),
  "Command line": (env) => {
    cliSettingsFromEnv(env);
    coloursFromEnv(env, { isTerminal: true, columns: undefined });
  },
} satisfies Record<string, (env: Env) => unknown>;

export type Section = keyof typeof readers;

export const sections = Object.keys(readers) as readonly Section[];

/** These read what stands in a section of its own, too. */
const telling: ReadonlySet<Section> = new Set(["Ingestor", "Reader", "Store", "Gateway"]);

/** The variables of a section, as they are read. */
export function variablesReadBy(section: Section): ReadonlySet<string> {
  const all = variablesLookedAtBy(section);
  if (!telling.has(section)) return all;
  const telemetry = variablesLookedAtBy("Telemetry");
  return new Set([...all].filter((name) => !telemetry.has(name)));
}

/** The variables that are looked at, found by looking on: nothing is set, and every look is written down. */
function variablesLookedAtBy(section: Section): ReadonlySet<string> {
  const names = new Set<string>();
  const env: Env = new Proxy(
    {},
    {
      get: (_, name) => {
        names.add(String(name));
        return undefined;
      },
    },
  );
  readers[section](env);
  return names;
}
