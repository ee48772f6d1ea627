import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

export interface CommandResult {
  /** Null when it was ended by a signal or could not be started. */
  readonly code: number | null;
  /** Standard output and error together. */
  readonly text: string;
  /** It could not be started: there is no such program. */
  readonly missing: boolean;
}

/** Runs a program to its end. Never rejects for what the program does; an abort kills it and rejects. */
export function runCommand(
  command: string,
  args: readonly string[],
  options: {
    readonly cwd?: string;
    readonly env?: Readonly<Record<string, string | undefined>>;
    readonly signal?: AbortSignal;
    readonly onLine?: (line: string) => void;
    readonly onStart?: (pid: number) => void;
  } = {},
): Promise<CommandResult> {
  const { signal, onLine, onStart, ...rest } = options;
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) {
      reject(signal.reason as Error);
      return;
    }
    const child = spawn(command, args, { ...rest, stdio: ["ignore", "pipe", "pipe"], detached: true });
    if (child.pid !== undefined) onStart?.(child.pid);
    const lines: string[] = [];
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on("line", (line) => {
        lines.push(line);
        onLine?.(line);
      });
    }
    const abort = (): void => {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
      } catch {
        child.kill("SIGKILL");
      }
    };
    signal?.addEventListener("abort", abort);
    const finish = (result: Omit<CommandResult, "text">): void => {
      signal?.removeEventListener("abort", abort);
      if (signal?.aborted === true) reject(signal.reason as Error);
      else resolve({ ...result, text: lines.join("\n") });
    };
    child.once("error", () => finish({ code: null, missing: true }));
    child.once("close", (code) => finish({ code, missing: false }));
  });
}
