import { createHash } from "node:crypto";
import { readFileSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, extname, join } from "node:path";

/** How a file can be sent beside as it is, the shortest first: compressed once, when it was built. */
export const storedCodings = ["br", "gzip"] as const;
type StoredCoding = (typeof storedCodings)[number] | "identity";

/** One file of the console, in every form that it can be sent in. */
export interface ConsoleFile {
  readonly type: string;
  /** A strong one, without its quotes; each encoding adds its own name, because its bytes are others (RFC 9110, section 8.8.3). */
  readonly tag: string;
  readonly bytes: Readonly<Record<StoredCoding, Buffer>>;
}

/** What was built of the console; see tools/build-console.mjs. */
export interface ConsoleFiles {
  readonly page: ConsoleFile;
  /** By their name under /assets/. */
  readonly assets: ReadonlyMap<string, ConsoleFile>;
}

/** The media types of what a page is made of, by the end of its name. */
export const types: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
};

const suffixes = { br: ".br", gzip: ".gz", identity: "" } as const;

/** Reads the console's files, which are a few hundred kilobytes; undefined where it was not built. */
export function readConsoleFiles(): ConsoleFiles | undefined {
  let site: string;
  try {
    site = dirname(createRequire(import.meta.url).resolve("@apispool/console/site/index.html"));
  } catch {
    return undefined;
  }
  const assets = join(site, "assets");
  const names = readdirSync(assets).filter((name) => types[extname(name)] !== undefined);
  return {
    page: readForms(join(site, "index.html")),
    assets: new Map(names.map((name) => [name, readForms(join(assets, name))])),
  };
}

/** A file with its compressed forms, which lie beside it. */
export function readForms(path: string): ConsoleFile {
  const form = (encoding: StoredCoding): Buffer => readFileSync(path + suffixes[encoding]);
  return storedFile(types[extname(path)] ?? "application/octet-stream", {
    br: form("br"),
    gzip: form("gzip"),
    identity: form("identity"),
  });
}

export function storedFile(type: string, bytes: ConsoleFile["bytes"]): ConsoleFile {
  return { type, tag: createHash("sha256").update(bytes.identity).digest("base64url").slice(0, 22), bytes };
}
