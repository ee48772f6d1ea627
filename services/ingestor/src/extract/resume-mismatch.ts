/**
 * The page is no longer the one of which a part was committed before. Nothing of it has been handed out: ask for it again
 * without `resume`, and leave to the deduplication what was written already.
 */
export class ResumeMismatch extends Error {
  override readonly name = "ResumeMismatch";

  constructor(itemsDone: number) {
    super(
      `the first ${itemsDone} items of the page are not those that were written before; it is read from its beginning`,
    );
  }
}
