import { spawn } from "node:child_process";
import { PollError } from "../poll-error.js";

/** Longest time a command may take, in milliseconds, and the most it may print, in bytes. */
const TIMEOUT_MS = 30_000;
const MOST_BYTES = 64 * 1024;

/**
 * Runs a program, without a shell, and gives what it prints. Of its arguments and its stderr nothing is ever told:
 * both may hold secrets.
 */
export async function runSecretCommand(command: readonly string[], timeoutMs = TIMEOUT_MS): Promise<string> {
  const [program = "", ...args] = command;
  const fail = (text: string): PollError =>
    new PollError(`the command for the secret, ${program}, ${text}`, { kind: "unauthorized" });
  return await new Promise<string>((resolve, reject) => {
    // Without spawn's own time limit: its timer stays behind where the program cannot be started.
    const child = spawn(program, args, { stdio: ["ignore", "pipe", "ignore"] });
    const chunks: Buffer[] = [];
    let bytes = 0;
    const kill = (error: PollError): void => {
      child.kill("SIGKILL");
      // What it started may still hold the pipe open.
      child.stdout.destroy();
      reject(error);
    };
    const timer = setTimeout(() => kill(fail(`did not end within ${timeoutMs} ms`)), timeoutMs);
    child.stdout.on("data", (chunk: Buffer) => {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes > MOST_BYTES) kill(fail(`printed more than ${MOST_BYTES} bytes`));
    });
    child.once("error", (error: Error & { code?: string }) => {
      clearTimeout(timer);
      reject(fail(`cannot be started (${error.code ?? "unknown"})`));
    });
    child.once("close", (code, signal) => {
      clearTimeout(timer);
      const text = Buffer.concat(chunks).toString("utf8").trim();
      if (code !== 0) reject(fail(signal === null ? `ended with code ${code}` : `was ended by ${signal}`));
      else if (text === "") reject(fail("printed nothing"));
      else resolve(text);
    });
  });
}
