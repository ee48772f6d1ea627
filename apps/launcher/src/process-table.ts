import { readFile } from "node:fs/promises";
import { runCommand } from "./command.js";

/** The command line of a running process; undefined when there is none of that id (or it may not be looked at). */
export async function commandLine(pid: number): Promise<string | undefined> {
  try {
    const text = await readFile(`/proc/${pid}/cmdline`, "utf8");
    // A process that has ended and was not yet waited for has an empty one.
    return text === "" ? undefined : text.split("\0").join(" ").trim();
  } catch {
    if (process.platform === "linux") return undefined;
  }
  const { code, text } = await runCommand("ps", ["-ww", "-o", "args=", "-p", String(pid)]);
  return code === 0 && text.trim() !== "" ? text.trim() : undefined;
}
