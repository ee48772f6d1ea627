import { readFileSync, write as writeFd } from "node:fs";
import { constants } from "node:os";
import { createInterface } from "node:readline/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { Interrupted, OutputClosed, type Surroundings } from "./surroundings.js";

/** Several signals within this time (milliseconds) are one Ctrl-C: npm and the start script pass it on, too. */
const sameCtrlCMs = 700;
const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

export interface ProcessSurroundings extends Surroundings {
  /** Ends the process; at once where an output that nobody takes would keep it. */
  readonly end: (exitCode: number) => void;
}

/** The surroundings of a real process. `up` starts everything, `self` is how the program is called. */
export function processSurroundings(
  self: NodeJS.Process,
  { up, self: called }: Pick<Surroundings, "up" | "self">,
): ProcessSurroundings {
  const { stdin, stdout, stderr } = self;
  // Nobody reads any more: the end for what prints its lines, and nothing to talk about.
  stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") self.exit(0);
    throw error;
  });
  stderr.on("error", () => undefined);
  let controller: AbortController | undefined;
  let writing = 0;
  const terminal = (stream: NodeJS.WriteStream) => ({
    isTerminal: stream.isTTY,
    get columns() {
      return stream.isTTY ? stream.columns : undefined;
    },
  });
  return {
    env: self.env,
    read: (file) => readFileSync(file, "utf8"),
    out: (text) => stdout.write(`${text}\n`),
    err: (text) => stderr.write(`${text}\n`),
    errRaw: (text) => stderr.write(text),
    write: async (text, signal) => {
      writing += 1;
      // Settles by itself; the program does not wait for it once it is interrupted.
      const written = writeAll(stdout.fd, Buffer.from(text)).finally(() => (writing -= 1));
      await orAborted(written, signal);
    },
    output: terminal(stdout),
    errors: terminal(stderr),
    interruption: () => {
      controller ??= onSignals(self);
      return controller.signal;
    },
    ask: stdin.isTTY
      ? async (question) => {
          const lines = createInterface({ input: stdin, output: stderr });
          try {
            return await lines.question(question);
          } finally {
            lines.close();
          }
        }
      : undefined,
    now: Date.now,
    up,
    self: called,
    end: (exitCode) => {
      self.exitCode = exitCode;
      if (writing > 0) killSelf(self, "SIGINT");
    },
  };
}

function onSignals(self: NodeJS.Process): AbortController {
  const controller = new AbortController();
  let firstAt: number | undefined;
  for (const signal of signals) {
    self.on(signal, () => {
      if (firstAt === undefined) {
        firstAt = performance.now();
        controller.abort(new Interrupted(signal, constants.signals[signal]));
      } else if (performance.now() - firstAt > sameCtrlCMs) killSelf(self, signal);
    });
  }
  return controller;
}

/** By the signal itself: `exit` would wait for a write that nobody takes. */
function killSelf(self: NodeJS.Process, signal: NodeJS.Signals): void {
  for (const each of signals) self.removeAllListeners(each);
  self.kill(self.pid, signal);
}

const write = promisify(writeFd);

/**
 * Writes all of it to a file descriptor. Not through the stream: on a pipe that would hold up the whole process until
 * somebody reads, and neither Ctrl-C nor a ping of the gateway would be seen meanwhile.
 */
async function writeAll(fd: number, bytes: Buffer): Promise<void> {
  for (let from = 0; from < bytes.length;) {
    try {
      from += (await write(fd, bytes, from)).bytesWritten;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === "EPIPE") throw new OutputClosed("nobody reads the output any more");
      // Whoever shares the pipe or the terminal has made it non-blocking.
      if (code !== "EAGAIN") throw error;
      await sleep(5);
    }
  }
}

async function orAborted(work: Promise<void>, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  let abort: () => void = () => undefined;
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(signal.reason as Error);
    signal.addEventListener("abort", abort);
  });
  work.catch(() => undefined);
  try {
    await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
