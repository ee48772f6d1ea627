import { mkdirSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { runCommand } from "@apispool/launcher/command.js";

const MODULE = "github.com/Shopify/toxiproxy/v2";
const VERSION = "v2.5.0";

export interface ToxiproxyOptions {
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Whether it is made where it is not there yet: half a minute, once. */
  readonly install?: boolean;
}

/**
 * The program, at the version above: APISPOOL_TOXIPROXY, or made by Go below ~/.cache/apispool/faults (or APISPOOL_FAULTS_CACHE),
 * outside of the checkout. Where it cannot be had, why.
 */
export async function findToxiproxy({ env = process.env, install = true }: ToxiproxyOptions = {}): Promise<
  { readonly program: string } | { readonly problem: string }
> {
  const named = env["APISPOOL_TOXIPROXY"] ?? "";
  if (named !== "") return { program: named };
  const cache =
    env["APISPOOL_FAULTS_CACHE"] ?? join(env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "apispool", "faults");
  const bin = join(cache, "bin");
  // Go names a program after its package's folder.
  const program = join(bin, "server");
  const known = await runCommand("go", ["version", "-m", program]);
  if (known.text.split(/\s/).includes(MODULE) && known.text.split(/\s/).includes(VERSION)) return { program };
  if (known.missing) return { problem: "Go is not installed" };
  if (!install) return { problem: "toxiproxy has not been made yet (npm run test:faults makes it)" };
  mkdirSync(bin, { recursive: true });
  const made = await runCommand("go", ["install", `${MODULE}/cmd/server@${VERSION}`], {
    cwd: cache,
    env: { ...process.env, GOBIN: bin },
  });
  if (made.code === 0) return { program };
  return { problem: `go install ${MODULE}/cmd/server@${VERSION} failed: ${made.text.split("\n").at(-1) ?? ""}` };
}
