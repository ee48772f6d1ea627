// Puts the page at /docs together: Swagger UI from its package, and what is in services/gateway/site, as files with their content's
// hash in their names, compressed once and for all. The gateway serves them as they lie in services/gateway/dist/site/docs.
import { createHash } from "node:crypto";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const root = resolve(fileURLToPath(import.meta.url), "../..");
const ours = join(root, "services", "gateway", "site");
const site = join(root, "services", "gateway", "dist", "site", "docs");
const swagger = dirname(createRequire(import.meta.url).resolve("swagger-ui-dist/package.json"));

const files = {
  "swagger-ui-bundle.js": read(swagger, "swagger-ui-bundle.js"),
  "swagger-ui.css": read(swagger, "swagger-ui.css"),
  "docs.js": read(ours, "docs.js"),
  "docs.css": read(ours, "docs.css"),
  "icon.svg": read(root, "apps", "console", "src", "icon.svg"),
};
// The map that it names is as large again, and not served.
for (const name of ["swagger-ui-bundle.js", "swagger-ui.css"]) {
  const without = files[name]
    .toString("utf8")
    .replace(/\n?(\/\/# sourceMappingURL=\S+|\/\*# sourceMappingURL=\S+ ?\*\/)\s*$/, "\n");
  files[name] = Buffer.from(without);
}

mkdirSync(site, { recursive: true });
const kept = new Set();
let page = readFileSync(join(ours, "index.html"), "utf8");
for (const [name, content] of Object.entries(files)) {
  const hash = createHash("sha256").update(content).digest("base64url").replace(/[-_]/g, "").slice(0, 12);
  const dot = name.lastIndexOf(".");
  const hashed = `${name.slice(0, dot)}-${hash}${name.slice(dot)}`;
  page = page.replaceAll(`/docs/${name}`, `/docs/${hashed}`);
  put(hashed, content, true);
}
put("index.html", Buffer.from(page), false);
for (const name of ["LICENSE", "NOTICE", "swagger-ui-bundle.js.LICENSE.txt"]) {
  const to = name.startsWith("swagger") ? name : `swagger-ui.${name}.txt`;
  kept.add(to);
  copyFileSync(join(swagger, name), join(site, to));
}
for (const name of readdirSync(site)) if (!kept.has(name)) rmSync(join(site, name));

function read(...path) {
  return readFileSync(join(...path));
}

/** Compressing Swagger UI takes seconds: what has its content's hash in its name and is there is not made again. */
function put(name, content, hashed) {
  const quality = { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY };
  const forms = {
    "": () => content,
    ".br": () => brotliCompressSync(content, { params: quality }),
    ".gz": () => gzipSync(content, { level: 9 }),
  };
  for (const [suffix, bytes] of Object.entries(forms)) {
    kept.add(name + suffix);
    const path = join(site, name + suffix);
    if (hashed && existsSync(path)) continue;
    writeFileSync(`${path}.part`, bytes());
    renameSync(`${path}.part`, path);
  }
}
