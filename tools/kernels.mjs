// The parts that are compiled to WebAssembly, from AssemblyScript: each lies in its package's folder "assembly", and what
// becomes of it in "dist", beside what tsc makes. Run by setup.mjs's build; alone: node tools/kernels.mjs
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "..");

const kernels = [["services/reader/assembly/record-kernel.ts", "services/reader/dist/record-kernel.wasm"]];

// No runtime and no heap: they work in memory whose layout they define themselves.
const options = ["-O3", "--noAssert", "--runtime", "stub", "--enable", "simd"];

/** Compiles what has changed, on the Node given; the exit code of the first compilation that fails, otherwise 0. */
export function buildKernels(node) {
  const asc = join(root, "node_modules", "assemblyscript", "bin", "asc.js");
  for (const [source, output] of kernels.map((paths) => paths.map((path) => join(root, path)))) {
    if (isNewer(output, [source, asc, fileURLToPath(import.meta.url)])) continue;
    mkdirSync(dirname(output), { recursive: true });
    const { status } = spawnSync(node, [asc, source, ...options, "-o", output], { cwd: root, stdio: "inherit" });
    if (status !== 0) return status ?? 1;
  }
  return 0;
}

function isNewer(file, others) {
  return existsSync(file) && others.every((other) => statSync(other).mtimeMs <= statSync(file).mtimeMs);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exit(buildKernels(process.execPath));
