import { existsSync, readdirSync } from "node:fs";
import { extname } from "node:path";
import { fileURLToPath } from "node:url";
import { type ConsoleFile, type ConsoleFiles, readForms, types } from "../console-files.js";

/** The page at /docs and what belongs to it; see tools/build-docs.mjs. Undefined where it was not built. */
export function readDocsFiles(): ConsoleFiles | undefined {
  const site = fileURLToPath(new URL("../site/docs/", import.meta.url));
  if (!existsSync(`${site}index.html`)) return undefined;
  const names = readdirSync(site).filter((name) => types[extname(name)] !== undefined && name !== "index.html");
  const assets = new Map(names.map((name): [string, ConsoleFile] => [name, readForms(site + name)]));
  return { page: readForms(`${site}index.html`), assets };
}
