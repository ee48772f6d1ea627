/** What a command has to do with: everything outside of it. */
export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Throws where the file cannot be read. */
  readonly read: (file: string) => string;
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
}

/** What a command ends with: 0 all is right, 1 something is wrong, 2 it was not called as it has to be. */
export type ExitCode = 0 | 1 | 2;
