/** One element of an API's list, before anybody knows whether it can be a record. */
export interface RawItem {
  /** Its bytes as they were sent; only their beginning where they were too many to be kept. */
  readonly raw: Buffer;
  /** Hash of all of its bytes. */
  readonly hash: string;
  /** Where it was: index or line. */
  readonly place: string;
  /** Done late, because an item that is passed over need not be read. Throws {@link ItemError}. */
  read(): ItemContent;
}

export interface ItemContent {
  /** As JSON text; the same buffer as `raw` where that is JSON. */
  readonly json: Buffer;
  /** The same, parsed. */
  readonly value: unknown;
  /** What it was parsed with, and its numbers' own texts belong to: itself, or the page that it is part of. */
  readonly document: unknown;
}

/** An item that cannot be a record; the text says why and goes to the dead letters. */
export class ItemError extends Error {
  override readonly name = "ItemError";
}

/** An item that is known to be no record. */
export function brokenItem(raw: Buffer, hash: string, place: string, reason: string): RawItem {
  return {
    raw,
    hash,
    place,
    read: () => {
      throw new ItemError(reason);
    },
  };
}
