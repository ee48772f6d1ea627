import { execFile } from "node:child_process";
import { access, mkdir, mkdtemp, readFile, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { delimiter, dirname, join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { findGrpcurl } from "./harness/grpcurl.js";
import { root } from "./harness/paths.js";
import { type TestStack, startTestStack, withoutSettings } from "./harness/stack.js";
import { type CodeBlock, codeBlocks } from "./support/code-blocks.js";

const run = promisify(execFile);

/** Python and Go install packages first, which takes a minute or two: they are run when that is asked for. */
const everything = process.env["APISPOOL_TEST_DOCS"] !== undefined;

const documents = ["quickstart.md", "reading.md", "mcp.md"] as const;
const blocks = new Map(
  await Promise.all(
    documents.map(async (name) => [name, codeBlocks(await readFile(join(root, "docs", name), "utf8"))] as const),
  ),
);

async function canRun(program: string, ...args: string[]): Promise<boolean> {
  return await run(program, args).then(
    () => true,
    () => false,
  );
}

const grpcurl = await findGrpcurl();
/** What a heading's blocks need beside a shell and curl, and whether it is there. */
const needs: Readonly<Record<string, { readonly what: string; readonly there: boolean }>> = {
  grpcurl: { what: "grpcurl", there: grpcurl !== undefined },
  Python: {
    what: "APISPOOL_TEST_DOCS and Python with venv",
    there: everything && (await canRun("python3", "-c", "import venv, ensurepip")),
  },
  Go: { what: "APISPOOL_TEST_DOCS and Go", there: everything && (await canRun("go", "version")) },
};

describe("the programs in the documents, as they stand there", () => {
  let stack: TestStack;
  let folder: string;

  beforeAll(async () => {
    stack = await startTestStack();
    // Within the checkout, where Node finds the packages.
    await mkdir(join(root, ".apispool"), { recursive: true });
    folder = await mkdtemp(join(root, ".apispool", "docs-"));
    await symlink(root, join(folder, "apispool"));
  }, 120_000);

  afterAll(async () => {
    await stack?.stop();
    if (folder !== undefined) await rm(folder, { recursive: true, force: true, maxRetries: 3 });
  }, 60_000);

  const here = (text: string): string => text.replaceAll("localhost:3000", new URL(stack.gatewayUrl).host);

  async function shell(script: string, cwd: string): Promise<string> {
    const path = [join(root, "node_modules", ".bin"), ...(grpcurl === undefined ? [] : [dirname(grpcurl)])];
    const { stdout, stderr } = await run("bash", ["-euo", "pipefail", "-c", script], {
      cwd,
      timeout: 240_000,
      env: { ...withoutSettings(process.env), PATH: [...path, process.env["PATH"]].join(delimiter) },
      maxBuffer: 16 * 1024 * 1024,
    });
    return stdout + stderr;
  }

  async function follow(chapter: readonly CodeBlock[], cwd: string): Promise<void> {
    await mkdir(cwd, { recursive: true });
    let printed = "";
    for (const { kind, file, text } of chapter) {
      if (kind === "file") await writeFile(join(cwd, file), here(text));
      else if (kind === "run") {
        // A reader who closes early (head) is no failure of what it reads.
        printed = await shell(text.includes("| head") ? `set +o pipefail\n${here(text)}` : here(text), cwd);
        expect(printed).not.toContain("urn:apispool:error");
      } else for (const line of text.trim().split("\n")) expect(printed).toContain(line);
    }
  }

  for (const document of documents) {
    const all = blocks.get(document) ?? [];
    for (const heading of new Set(all.map((block) => block.heading))) {
      const need = needs[heading];
      const chapter = all.filter((block) => block.heading === heading);
      if (need !== undefined && !need.there) {
        it.skip(`${document}, "${heading}": LEFT OUT, it needs ${need.what}`, () => {});
        continue;
      }
      it(`${document}, "${heading}"`, () => follow(chapter, join(folder, heading.replaceAll(/\W+/g, "-"))), 300_000);
    }
  }

  it("are all there", () => {
    expect(new Set(blocks.get("reading.md")?.map(({ heading }) => heading))).toEqual(
      new Set(["curl", "grpcurl", "TypeScript", "Python", "Go"]),
    );
    for (const all of blocks.values()) expect(all.some(({ kind }) => kind === "output")).toBe(true);
  });
});

describe("the documents", () => {
  it("are all in the index, and every link within them leads somewhere", async () => {
    const names = (await readdir(join(root, "docs"))).filter((name) => name.endsWith(".md"));
    const index = await readFile(join(root, "docs", "README.md"), "utf8");
    for (const name of names) if (name !== "README.md") expect(index).toContain(`(${name})`);
    const broken: string[] = [];
    for (const name of [...names.map((name) => join("docs", name)), "README.md"]) {
      const text = await readFile(join(root, name), "utf8");
      for (const [, target = ""] of text.matchAll(/\]\((?!https?:)([^)#\s]+)(?:#[^)]*)?\)/g)) {
        const there = await access(join(root, dirname(name), target)).then(
          () => true,
          () => false,
        );
        if (!there) broken.push(`${name}: ${target}`);
      }
    }
    expect(broken).toEqual([]);
  });
});
