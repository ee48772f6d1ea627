// What has to be there before anything can run: the packages and the build. Plain JavaScript for any Node from 18 on,
// because it runs on a fresh clone. The rest runs on the Node that the packages bring.
import { execFileSync, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { buildKernels } from "./kernels.mjs";

export const root = resolve(dirname(fileURLToPath(import.meta.url)), "..");

const stamp = join(root, "node_modules", ".apispool-install");

/** A step failed; what it wrote says why. */
export class StepFailed extends Error {
  constructor(what, code) {
    super(`${what} failed (exit code ${code})`);
    this.code = code;
  }
}

/** The Node that came with the packages. */
export function pinnedNode() {
  return join(root, "node_modules", "node", "bin", process.platform === "win32" ? "node.exe" : "node");
}

/** Runs a program with this terminal and gives its exit code; signals go to it. */
export function run(command, args, options = {}) {
  return new Promise((done) => {
    const child = spawn(command, args, { cwd: root, stdio: "inherit", ...options });
    const signals = ["SIGINT", "SIGTERM", "SIGHUP"];
    const forward = (signal) => child.kill(signal);
    for (const signal of signals) process.on(signal, forward);
    const watch = whenNpmIsGone(() => forward("SIGTERM"));
    const finish = (code) => {
      clearInterval(watch);
      for (const signal of signals) process.off(signal, forward);
      done(code);
    };
    child.on("error", (error) => {
      console.error(`${command}: ${error.message}`);
      finish(127);
    });
    child.on("exit", (code, signal) => finish(code ?? (signal === "SIGINT" ? 130 : signal === "SIGTERM" ? 143 : 1)));
  });
}

/**
 * npm that is told to end ends the shell between it and this process, which then hears nothing of it. npm that is killed
 * leaves even the shell behind.
 */
function whenNpmIsGone(then) {
  if (process.env.npm_lifecycle_event === undefined) return undefined;
  const parent = process.ppid;
  const npm = behindShell(parent);
  const timer = setInterval(() => {
    if (process.ppid === parent && (npm === undefined || isAlive(npm))) return;
    clearInterval(timer);
    then();
  }, 200);
  return timer;
}

/** The parent of a process, when that is the shell in which npm runs a script; some shells give way to the script. */
function behindShell(pid) {
  try {
    const { parent, args } = process.platform === "linux" ? fromProc(pid) : fromPs(pid);
    return / -c .*node tools\//.test(args) ? parent : undefined;
  } catch {
    return undefined;
  }
}

function fromProc(pid) {
  // "pid (name) state parent …", where the name may hold anything.
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const [, parent] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return { parent: Number(parent), args: readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ") };
}

function fromPs(pid) {
  const text = execFileSync("ps", ["-ww", "-o", "ppid=,args=", "-p", String(pid)], { encoding: "utf8" }).trim();
  return { parent: Number.parseInt(text, 10), args: text };
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}

/** Installs what package-lock.json says, unless that is what is there. */
export async function install() {
  const lock = readFileSync(join(root, "package-lock.json"));
  const wanted = createHash("sha256").update(lock).digest("hex");
  if (isInstalled(wanted, lock)) return;
  // To the errors, as all that npm says: the output belongs to what was called.
  console.error("apispool │ installing the packages (npm ci) …");
  rmSync(stamp, { force: true });
  // Without its warnings: they are about this Node's version, and what is installed brings its own.
  const npm = process.platform === "win32" ? "npm.cmd" : "npm";
  const code = await run(npm, ["ci", "--no-audit", "--no-fund", "--loglevel=error"], {
    shell: process.platform === "win32",
    stdio: ["inherit", 2, 2],
  });
  if (code !== 0) throw new StepFailed("npm ci", code);
  if (!existsSync(pinnedNode())) {
    throw new Error(
      `npm ci did not install ${relative(root, pinnedNode())}: the package "node" has an install script, which must be allowed to run`,
    );
  }
  writeFileSync(stamp, wanted);
}

function isInstalled(wanted, lock) {
  if (!existsSync(pinnedNode())) return false;
  if (existsSync(stamp)) return readFileSync(stamp, "utf8") === wanted;
  // Installed by hand: npm's own record of what it installed says whether it is the same.
  const record = join(root, "node_modules", ".package-lock.json");
  if (!existsSync(record)) return false;
  const installed = JSON.parse(readFileSync(record, "utf8")).packages;
  for (const [path, { version, link, optional, resolved }] of Object.entries(JSON.parse(lock).packages)) {
    if (!path.startsWith("node_modules/") || optional) continue;
    const there = installed[path];
    if (there === undefined || (link ? there.resolved !== resolved : there.version !== version)) return false;
  }
  writeFileSync(stamp, wanted);
  return true;
}

/** Builds what changed; what was built from a source that is gone goes, too. */
export async function build() {
  removeStaleOutput();
  const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
  const code = await run(pinnedNode(), [tsc, "-b"], { stdio: ["inherit", 2, 2] });
  if (code !== 0) throw new StepFailed("the build (tsc -b)", code);
  const kernelsCode = buildKernels(pinnedNode());
  if (kernelsCode !== 0) throw new StepFailed("the build of what is WebAssembly (asc)", kernelsCode);
  const bundled = await run(pinnedNode(), [join(root, "tools", "build-console.mjs")]);
  if (bundled !== 0) throw new StepFailed("the build of the console", bundled);
  const docs = await run(pinnedNode(), [join(root, "tools", "build-docs.mjs")]);
  if (docs !== 0) throw new StepFailed("the build of /docs", docs);
}

/** Otherwise jest would go on running tests whose source was deleted. */
function removeStaleOutput() {
  for (const { path } of JSON.parse(readFileSync(join(root, "tsconfig.json"), "utf8")).references) {
    const dist = join(root, path, "dist");
    for (const file of filesUnder(dist)) {
      const name = relative(dist, file);
      // What build-console.mjs and build-docs.mjs put there they clean up themselves.
      if (name.startsWith(`site${sep}`)) continue;
      const source = name.replace(/(\.d\.ts|\.js)(\.map)?$/, ".ts");
      if (!source.endsWith(".ts")) continue;
      if (["", "x"].every((x) => !existsSync(join(root, path, "src", source + x)))) rmSync(file);
    }
  }
}

function filesUnder(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? filesUnder(path) : [path];
  });
}

/** Sets up what is missing, runs a script of what was built (its place below the root, in parts), and ends as it does. */
export async function runBuilt(script, args) {
  try {
    await install();
    await build();
  } catch (error) {
    fail(error);
  }
  const node = ["--enable-source-maps", "--disable-warning=TimeoutNegativeWarning"];
  process.exit(await run(pinnedNode(), [...node, join(root, ...script), ...args]));
}

/** Ends the process with what went wrong, in a line. */
export function fail(error) {
  console.error(`apispool │ ${error instanceof StepFailed ? error.message : (error.stack ?? error)}`);
  process.exit(error instanceof StepFailed && error.code > 0 ? error.code : 1);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  // node tools/setup.mjs [install | build]
  const [only] = process.argv.slice(2);
  try {
    if (only !== "build") await install();
    if (only !== "install") await build();
  } catch (error) {
    fail(error);
  }
}
