// Bundles the console (apps/console) out of what `tsc -b` built into files with their content's hash in their name, and
// compresses them once and for all. The gateway serves them as they lie in apps/console/dist/site.
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { build } from "esbuild";

const folder = resolve(fileURLToPath(import.meta.url), "../../apps/console");
const site = join(folder, "dist", "site");

/** Every browser of the last years; the console uses nothing that has to be rewritten for them. */
const target = ["chrome120", "firefox121", "safari17.4"];

const { outputFiles } = await build({
  entryPoints: [join(folder, "dist", "main.js"), join(folder, "src", "console.css")],
  outdir: site,
  entryNames: "[name]",
  bundle: true,
  minify: true,
  format: "esm",
  target,
  legalComments: "none",
  write: false,
  logLevel: "warning",
});

/** The files by the name that index.html calls them. */
const files = new Map(outputFiles.map(({ path, contents }) => [path.slice(site.length + 1), Buffer.from(contents)]));
files.set("icon.svg", readFileSync(join(folder, "src", "icon.svg")));

const assets = join(site, "assets");
mkdirSync(assets, { recursive: true });
const kept = new Set();
let page = readFileSync(join(folder, "src", "index.html"), "utf8");
for (const [name, content] of files) {
  const hash = createHash("sha256").update(content).digest("base64url").replace(/[-_]/g, "").slice(0, 12);
  const dot = name.lastIndexOf(".");
  const hashed = `${name.slice(0, dot)}-${hash}${name.slice(dot)}`;
  page = page.replaceAll(`/assets/${name}`, `/assets/${hashed}`);
  put(assets, hashed, content);
}
put(site, "index.html", Buffer.from(page));
for (const name of readdirSync(assets)) if (!kept.has(name)) rmSync(join(assets, name));

function put(into, name, content) {
  const quality = { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY };
  const forms = {
    "": content,
    ".br": brotliCompressSync(content, { params: quality }),
    ".gz": gzipSync(content, { level: 9 }),
  };
  for (const [suffix, bytes] of Object.entries(forms)) {
    kept.add(name + suffix);
    writeFileSync(join(into, name + suffix), bytes);
  }
}
