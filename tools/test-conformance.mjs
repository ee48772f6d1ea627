// `npm run test:conformance [-- options of connectconformance]`: the suite of the Connect project (connectrpc.com/conformance) against the
// gateway's HTTP servers and Connect set-up. The suite is a program in Go: CONNECTCONFORMANCE says where it is, and without that it is
// built, outside of the checkout, where there is Go.
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import { build, fail, install, root } from "./setup.mjs";

const MODULE = "connectrpc.com/conformance";
const VERSION = "v1.0.7";

const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "apispool", `conformance-${VERSION}`);
mkdirSync(cache, { recursive: true });

/** What `go` prints; it has to be there. */
function go(...args) {
  try {
    return execFileSync("go", args, { encoding: "utf8", env: { ...process.env, GOBIN: cache }, cwd: cache }).trim();
  } catch (error) {
    console.error(`apispool │ the conformance suite needs Go (and its module ${MODULE}@${VERSION}): ${error.message}`);
    process.exit(1);
  }
}

let program = process.env.CONNECTCONFORMANCE ?? join(cache, "connectconformance");
if (!existsSync(program)) {
  console.log("apispool │ building the conformance suite, once …");
  go("install", `${MODULE}/cmd/connectconformance@${VERSION}`);
}
const { Dir } = JSON.parse(go("mod", "download", "-json", `${MODULE}@${VERSION}`));

try {
  await install();
  await build();
} catch (error) {
  fail(error);
}

const bin = join(root, "node_modules", ".bin");
const env = { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH}` };
const descriptors = join(cache, "descriptors.binpb");
execFileSync(join(bin, "buf"), ["build", join(Dir, "proto"), "-o", descriptors], { env, stdio: "inherit" });

const server = join(root, "services/gateway/dist/testing/conformance/main.js");
const { status } = spawnSync(
  program,
  [
    "--mode=server",
    `--conf=${join(root, "tools/conformance/features.yaml")}`,
    `--known-failing=@${join(root, "tools/conformance/known-failing.txt")}`,
    "--max-servers=2",
    "--parallel=4",
    ...process.argv.slice(2),
    "--",
    "node",
    server,
    descriptors,
  ],
  { env, stdio: "inherit" },
);
process.exit(status ?? 1);
