/** Thrown when a `where` is not understood. Its text says at which column, what was found there, and what is allowed. */
export class WhereError extends Error {
  override readonly name = "WhereError";
  /** In characters, from 1; one past the last at the end of the text. */
  readonly column: number;

  constructor(text: string, index: number, problem: string) {
    const column = Array.from(text.slice(0, index)).length + 1;
    super(`column ${column}: ${problem}`);
    this.column = column;
  }
}
