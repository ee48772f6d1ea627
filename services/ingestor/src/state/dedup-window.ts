import { IdTable } from "./id-table.js";

/** An id that has more contents than this on one page is none; more of them would cost the square of their number. */
const MOST_CONTENTS = 1000;
const NONE: readonly string[] = [];

/** What is known of an id within one page. */
interface OnPage {
  /** What was written last for the id, on this page or before. */
  readonly newest: string;
  /** All contents that the id has had on the page. */
  readonly contents: readonly string[];
  /** Whether anything was written for the id on this page. */
  readonly wrote: boolean;
  /** The contents that it had on the page before anything was written. */
  readonly before: readonly string[];
}

/** A string is one content alone, which was written: nearly all ids are like that, and there may be a quarter of a million. */
type Packed = string | OnPage;

/** The contents of an id's last page, the newest written one first. */
type Known = string | Contents;
type Contents = readonly [newest: string, ...others: string[]];

function pack(page: OnPage): Packed {
  return page.wrote && page.contents.length === 1 && page.before.length === 0 ? page.newest : page;
}

function unpack(page: Packed | undefined): OnPage | undefined {
  return typeof page === "string" ? { newest: page, contents: [page], wrote: true, before: NONE } : page;
}

function knownFrom(page: Packed): Known {
  if (typeof page === "string") return page;
  const { newest, contents } = page;
  const others = contents.filter((hash) => hash !== newest);
  return others.length === 0 ? newest : [newest, ...others];
}

function newestOf(known: Known | undefined): string | undefined {
  return typeof known === "string" ? known : known?.[0];
}

function has(known: Known | undefined, hash: string): boolean {
  return typeof known === "string" ? known === hash : known?.includes(hash) === true;
}

/**
 * Remembers, for the last so many ids, what contents each had on the last page on which it appeared: one as a rule. A
 * page may hold an id with several contents, though, and is not to be written again at every poll for that.
 *
 * What is to be written is staged first and becomes known only when its transaction has been committed; a window whose
 * transaction failed is thrown away and built again.
 */
export class DedupWindow {
  readonly #size: number;
  #atLeast = 0;
  /** By id, for its last page that is done; the order is that of last use. */
  readonly #known = new IdTable<Contents>();
  /** Of the page that is under way: what is in the log, and what is staged. */
  readonly #page = new IdTable<OnPage>();
  readonly #staged = new Map<string, Packed>();

  constructor(size: number) {
    this.#size = size;
  }

  /**
   * A page begins at its first item; what was there before is the page before, its staged part included. Where something
   * was staged nothing is forgotten before it is committed, because how much has to be kept is known only then.
   */
  beginPage(): void {
    const staged = this.#staged.size > 0;
    this.#page.moveTo(this.#known, knownFrom);
    for (const [id, page] of this.#staged) this.#known.set(id, knownFrom(page));
    this.#staged.clear();
    if (!staged) this.#trim(this.#known);
  }

  /**
   * Whether this content is to be written for the id; if so it is staged. It is not where it is the newest already, nor
   * where the id's page before had it too and nothing else has been written for the id on this page: after that, its
   * contents are written anew, so that the newest in the log is the last one of the page.
   */
  stage(id: string, hash: string): boolean {
    const before = this.#known.get(id);
    const page = this.#onPage(id);
    if (before === undefined && page === undefined) {
      // As below; most ids are new.
      this.#staged.set(id, hash);
      return true;
    }
    const newest = page?.newest ?? newestOf(before);
    const wrote = page?.wrote ?? false;
    const contents = page?.contents ?? NONE;
    if (newest !== undefined && (hash === newest || (!wrote && has(before, hash)))) {
      this.#staged.set(id, pack({ newest, contents: including(contents, hash), wrote, before: page?.before ?? NONE }));
      return false;
    }
    const unwritten = wrote ? (page?.before ?? NONE) : contents;
    this.#staged.set(id, pack({ newest: hash, contents: including(contents, hash), wrote: true, before: unwritten }));
    return true;
  }

  /**
   * The contents that an id has had on this page without being written, because they were known: the log does not tell
   * otherwise that they belong to the page.
   */
  unwritten(id: string): readonly string[] {
    return typeof this.#staged.get(id) === "string" ? NONE : (this.#onPage(id)?.before ?? NONE);
  }

  /** What was staged is not going to be written. */
  rollback(): void {
    this.#staged.clear();
  }

  /**
   * What was staged is in the log. At least `atLeast` ids are kept, so that a page larger than the window is not
   * written again at every poll.
   */
  commit(atLeast = 0): void {
    this.#atLeast = atLeast;
    for (const [id, page] of this.#staged) this.#page.set(id, page);
    this.#staged.clear();
    this.#trim(this.#page);
    this.#trim(this.#known);
  }

  /** Takes in what is in the log already, oldest first; {@link beginPage} is to be called between pages. */
  remember(id: string, hash: string, unwritten: readonly string[] = NONE): void {
    const { contents, before } = unpack(this.#page.get(id)) ?? { contents: unwritten, before: unwritten };
    this.#page.set(id, pack({ newest: hash, contents: including(contents, hash), wrote: true, before }));
    this.#trim(this.#page);
  }

  #onPage(id: string): OnPage | undefined {
    return unpack(this.#staged.get(id) ?? this.#page.get(id));
  }

  #trim(ids: IdTable<unknown>): void {
    const size = Math.max(this.#size, this.#atLeast);
    while (ids.size > size) ids.deleteOldest();
  }
}

function including(contents: readonly string[], hash: string): readonly string[] {
  return contents.includes(hash) ? contents : [...contents, hash].slice(-MOST_CONTENTS);
}
