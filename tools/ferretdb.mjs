// `npm run ferretdb`: builds the server of MongoDB's protocol that the store's tests run against (tools/ferretdb, FerretDB with SQLite), outside
// of the checkout: in APISPOOL_FERRETDB, or ~/.cache/apispool/ferretdb. Go has to be there; the first time takes minutes, later ones nothing.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const sources = join(import.meta.dirname, "ferretdb");
const files = ["go.mod", "go.sum", "main.go"];

/** Where the program is, once it is built; it has the hash of its sources in its name. */
export function ferretdbPath() {
  const hash = createHash("sha256");
  for (const file of files) hash.update(readFileSync(join(sources, file)));
  const cache =
    process.env.APISPOOL_FERRETDB ??
    join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "apispool", "ferretdb");
  return join(cache, `ferretdb-${hash.digest("hex").slice(0, 12)}`);
}

/** Builds it where it is not there; throws where Go is not, or its modules cannot be had. */
export function buildFerretdb() {
  const program = ferretdbPath();
  if (existsSync(program)) return program;
  const cache = join(program, "..");
  mkdirSync(cache, { recursive: true });
  const module = mkdtempSync(join(cache, "build-"));
  try {
    for (const file of files) cpSync(join(sources, file), join(module, file));
    const args = ["build", "-tags", "ferretdb_sqlite", "-o", join(module, "ferretdb"), "."];
    execFileSync("go", args, { cwd: module, stdio: ["ignore", "inherit", "inherit"] });
    renameSync(join(module, "ferretdb"), program);
  } finally {
    rmSync(module, { recursive: true, force: true });
  }
  return program;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  try {
    console.log(`apispool │ ${buildFerretdb()}`);
  } catch (error) {
    console.error(`apispool │ FerretDB was not built: ${error.message}`);
    process.exitCode = 1;
  }
}
