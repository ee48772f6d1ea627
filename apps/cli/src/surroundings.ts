/** A stream that may be a terminal. */
export interface Terminal {
  readonly isTerminal: boolean;
  /** Undefined where that is not known. */
  readonly columns: number | undefined;
}

/** What a command has to do with: everything outside of it. */
export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Throws where the file cannot be read. */
  readonly read: (file: string) => string;
  /** Writes a line to the output. */
  readonly out: (text: string) => void;
  /** Writes a line to the errors. */
  readonly err: (text: string) => void;
  /** Writes to the errors as it is, for lines that are to be written over. */
  readonly errRaw: (text: string) => void;
  /**
   * Writes to the output as it is; resolves when the operating system has taken all of it. Rejects with
   * {@link OutputClosed} where nobody reads any more, and with the signal's reason.
   */
  readonly write: (text: string, signal: AbortSignal) => Promise<void>;
  readonly output: Terminal;
  readonly errors: Terminal;
  /** Fires with {@link Interrupted} at Ctrl-C and the like. Until it is asked for, they end the process at once. */
  readonly interruption: () => AbortSignal;
  /** Asks the person at the terminal; undefined where there is none. */
  readonly ask: ((question: string) => Promise<string>) | undefined;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Starts everything, in the foreground; resolves with the exit code. */
  readonly up: () => Promise<number>;
  /** How a shell calls this program: the command and its first arguments. */
  readonly self: readonly string[];
}

/**
 * What the program ends with: 0 all is right, 1 something is wrong, 2 it was not called as it has to be, 128 and the
 * signal's number (130 for Ctrl-C) when it was interrupted.
 */
export type ExitCode = number;

/** A signal told the program to end. */
export class Interrupted extends Error {
  override readonly name = "Interrupted";
  readonly exitCode: ExitCode;
  constructor(signal: string, number: number) {
    super(`interrupted by ${signal}`);
    this.exitCode = 128 + number;
  }
}

/** Whoever read the output has gone, as `| head` does when it has enough: no error, but the end. */
export class OutputClosed extends Error {
  override readonly name = "OutputClosed";
}
