import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { EnvReader } from "@apispool/common/env.js";
import { loadIngestorConfig } from "./load.js";
import { type ConfigWatch, watchConfig } from "./watch.js";

const text = (name: string): string => `sources: { ${name}: { url: "http://x.test/" } }\n`;

describe("a configuration file that is watched", () => {
  let folder = "";
  let watching: ConfigWatch | undefined;
  /** What was told: the names of the sources, or the problems. */
  let told: string[] = [];
  let wake: (() => void) | undefined;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "apispool-watch-"));
    told = [];
  });

  afterEach(() => {
    watching?.close();
    rmSync(folder, { recursive: true });
  });

  function start(file: string, pollMs = 3_600_000): ConfigWatch {
    const tell = (what: readonly string[]): void => {
      told.push(...what);
      wake?.();
    };
    watching = watchConfig({
      file,
      load() {
        const env = new EnvReader({ APISPOOL_CONFIG: file });
        const config = loadIngestorConfig(env);
        env.done();
        return config;
      },
      onConfig: ({ sources }) => tell(sources.map(({ name }) => name)),
      onProblems: tell,
      settleMs: 20,
      pollMs,
    });
    return watching;
  }

  async function nextTold(): Promise<readonly string[]> {
    if (told.length === 0) await new Promise<void>((resolve) => (wake = resolve));
    return told.splice(0);
  }

  it("is read again when it is written", async () => {
    const file = join(folder, "apispool.yaml");
    writeFileSync(file, text("a"));
    start(file);
    writeFileSync(file, text("b"));
    expect(await nextTold()).toEqual(["b"]);
  });

  it("is read again when another is put in its place, time and again", async () => {
    const file = join(folder, "apispool.yaml");
    writeFileSync(file, text("a"));
    start(file);
    for (const name of ["b", "c", "d"]) {
      writeFileSync(join(folder, "new"), text(name));
      renameSync(join(folder, "new"), file);
      expect(await nextTold()).toEqual([name]);
    }
  });

  it("is read again when a link on the way to it is moved, as Kubernetes does", async () => {
    const version = (name: string): void => {
      mkdirSync(join(folder, name));
      writeFileSync(join(folder, name, "apispool.yaml"), text(name));
      symlinkSync(name, join(folder, "..tmp"));
      renameSync(join(folder, "..tmp"), join(folder, "..data"));
    };
    version("v1");
    const file = join(folder, "apispool.yaml");
    symlinkSync("..data/apispool.yaml", file);
    start(file);
    for (const name of ["v2", "v3"]) {
      version(name);
      expect(await nextTold()).toEqual([name]);
    }
  });

  it("is found again by looking, where the file system does not tell", async () => {
    const real = join(folder, "real");
    mkdirSync(real);
    const file = join(real, "apispool.yaml");
    writeFileSync(file, text("a"));
    start(file, 20);
    // The watched folder itself is replaced.
    renameSync(real, join(folder, "old"));
    mkdirSync(real);
    writeFileSync(file, text("b"));
    let last = await nextTold();
    // Between the two it may have been seen to be gone.
    while (last.at(-1) !== "b") last = await nextTold();
    expect(last.at(-1)).toBe("b");
  });

  it("says what is wrong, and goes on when it is right again", async () => {
    const file = join(folder, "apispool.yaml");
    writeFileSync(file, text("a"));
    start(file);
    writeFileSync(file, "sources: { a: { urk: 1 } }");
    expect(await nextTold()).toEqual([
      expect.stringMatching(/^apispool\.yaml:1:15 sources\.a: url is missing/),
      expect.stringMatching(/^apispool\.yaml:1:17 sources\.a\.urk: unknown key \(did you mean "url"\?\)/),
    ]);
    rmSync(file);
    expect(await nextTold()).toEqual([expect.stringMatching(/apispool\.yaml: cannot be read: /)]);
    writeFileSync(file, text("c"));
    expect(await nextTold()).toEqual(["c"]);
  });

  it("is read at once when asked to, and not at all once closed", async () => {
    const file = join(folder, "apispool.yaml");
    writeFileSync(file, text("a"));
    const watch = start(file);
    watch.reload();
    expect(told.splice(0)).toEqual(["a"]);
    watch.close();
    writeFileSync(file, text("b"));
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(told).toEqual([]);
  });
});
