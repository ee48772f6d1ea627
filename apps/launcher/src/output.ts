import { createWriteStream } from "node:fs";

/** Takes one line of what a process (or the launcher itself) has to say. */
export type Output = (name: string, line: string) => void;

/** The name under which the launcher itself speaks. */
export const launcherName = "apispool";

const colours: Readonly<Record<string, number>> = { kafka: 33, demo: 35, ingestor: 36, reader: 34, gateway: 32 };

/** Anything that text can be written to. */
export interface TextSink {
  write(text: string): unknown;
}

/**
 * Lines for people: every one begins with the name of who says it, in a colour of its own where that is wanted.
 * With `json` the services' lines pass as they are, and the launcher's own become JSON too.
 */
export function terminalOutput(
  sink: TextSink,
  { colour, format }: { readonly colour: boolean; readonly format: "json" | "pretty" },
): Output {
  return (name, line) => {
    if (format === "json") {
      const own = name === launcherName || !line.startsWith("{");
      sink.write(own ? `${JSON.stringify({ level: 30, time: Date.now(), name, msg: line })}\n` : `${line}\n`);
      return;
    }
    const label = name.padEnd(8);
    const prefix = `${colour ? `\u001B[${colours[name] ?? 1}m${label}\u001B[0m` : label} │ `;
    sink.write(`${prefix}${line.replaceAll("\n", `\n${prefix}`)}\n`);
  };
}

/** Lines into a file, for tests; `close` waits until they are written. */
export function fileOutput(path: string): { readonly output: Output; close(): Promise<void> } {
  const file = createWriteStream(path);
  return {
    output: (name, line) => file.write(`${name.padEnd(8)} │ ${line}\n`),
    close: () => new Promise((resolve) => file.end(resolve)),
  };
}
