/** A code block of a document. */
export interface CodeBlock {
  readonly kind: "run" | "file" | "output";
  readonly language: string;
  /** The name of the file; of `file` only. */
  readonly file: string;
  readonly text: string;
  /** The last heading before it. */
  readonly heading: string;
}

/**
 * The code blocks of a Markdown document that a test has a use for, in their order: ```` ```sh run ```` is run, ```` ```x file=NAME ```` is
 * written, ```` ```x output ```` has what the last run must have printed, line by line.
 */
export function codeBlocks(markdown: string): CodeBlock[] {
  const blocks: CodeBlock[] = [];
  let heading = "";
  let open: { info: string; lines: string[] } | undefined;
  for (const line of markdown.split("\n")) {
    if (line.startsWith("```")) {
      if (open === undefined) open = { info: line.slice(3), lines: [] };
      else {
        const [language = "", use = ""] = open.info.split(" ");
        const file = /^file=(.+)$/.exec(use)?.[1] ?? "";
        const kind = file === "" ? use : "file";
        if (kind === "run" || kind === "file" || kind === "output") {
          blocks.push({ kind, language, file, text: `${open.lines.join("\n")}\n`, heading });
        } else if (kind !== "") throw new Error(`"${open.info}" is no code block that there is a use for`);
        open = undefined;
      }
    } else if (open !== undefined) open.lines.push(line);
    else if (line.startsWith("#")) heading = line.replace(/^#+ /, "");
  }
  return blocks;
}
