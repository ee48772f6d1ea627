import { hash, randomInt } from "node:crypto";

const ID_WORDS = 4;
const ID_BYTES = 16;
/** Shorter ids are kept as they are, with their length in the last byte. */
const SHORT = ID_BYTES - 1;
/** In the last byte instead of a length. */
const HASHED = 0xff;
const VALUE_WORDS = 4;
const HEX_PER_WORD = 8;
/** By byte. */
const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));
const VALUE_CHARACTERS = VALUE_WORDS * HEX_PER_WORD;
const ENTRY_WORDS = ID_WORDS + VALUE_WORDS;

// What stands at a place.
const NOTHING = 0;
const HASH = 1;
const OTHER = 2;

// In the index: beyond these, a place and FIRST.
const EMPTY = 0;
const REMOVED = 1;
const FIRST = 2;
/** The index has at least so many slots for each place. */
const SLOTS_PER_PLACE = 1.4;

const LEAST_PLACES = 16;
/** From so many places on, room grows by half. */
const MANY_PLACES = 32 * 1024;
/** So much room is kept when all is forgotten. */
const MOST_KEPT = 4096;

/** So that an API cannot choose its ids such that they all come to the same slot. */
const SEED = randomInt(2 ** 32);

/** The id that was looked up last, and its words. */
let lastId: string | undefined;
const idBytes = new Uint8Array(ID_BYTES);
const idWords = new Uint32Array(idBytes.buffer);
const valueWords = new Uint32Array(VALUE_WORDS);

/**
 * A map by id whose values are content hashes, nearly all: in the order of setting, as a `Map` of strings is, in a third of
 * its memory, and outside V8's heap, which copies such a map whole whenever it grows. An id is 16 bytes there: itself where
 * that is enough, 120 bits of its SHA-256 otherwise.
 *
 * `V` is what a value may be besides a hash (32 hexadecimal digits in lower case); such ones are objects or other texts.
 */
export class IdTable<V> {
  #words = new Uint32Array(0);
  #kinds = new Uint8Array(0);
  #index = new Int32Array(0);
  readonly #others = new Map<number, V | string>();
  /** The first place that may hold something, and the one behind the last. */
  #head = 0;
  #tail = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(id: string): V | string | undefined {
    if (this.#size === 0) return undefined;
    readId(id);
    const slot = this.#slotOf(idWords, 0);
    return slot === -1 ? undefined : this.#valueAt((this.#index[slot] ?? 0) - FIRST);
  }

  /** Sets an id's value, and makes it the newest. */
  set(id: string, value: V | string): void {
    readId(id);
    this.#put(idWords, 0, value);
  }

  /** Forgets the one that was set first. */
  deleteOldest(): void {
    while (this.#head < this.#tail && this.#kinds[this.#head] === NOTHING) this.#head += 1;
    if (this.#head === this.#tail) return;
    const slot = this.#slotOf(this.#words, this.#head * ENTRY_WORDS);
    this.#index[slot] = REMOVED;
    this.#remove(this.#head);
  }

  /** Sets all that is here in another table, in its order, and forgets it. A hash stays what it is. */
  moveTo<W>(table: IdTable<W>, convert: (value: V | string) => W | string): void {
    for (let place = this.#head; place < this.#tail; place += 1) {
      const at = place * ENTRY_WORDS;
      if (this.#kinds[place] === HASH) {
        const to = table.#take(this.#words, at);
        for (let word = ID_WORDS; word < ENTRY_WORDS; word += 1) {
          table.#words[to * ENTRY_WORDS + word] = this.#words[at + word] ?? 0;
        }
        table.#kinds[to] = HASH;
      } else {
        const value = this.#valueAt(place);
        if (value !== undefined) table.#put(this.#words, at, convert(value));
      }
    }
    this.clear();
  }

  clear(): void {
    this.#head = this.#tail = this.#size = 0;
    this.#others.clear();
    if (this.#kinds.length > MOST_KEPT) this.#makeRoom(0);
    else this.#index.fill(EMPTY);
  }

  #put(id: Uint32Array, at: number, value: V | string): void {
    const place = this.#take(id, at);
    if (readHash(value)) {
      this.#kinds[place] = HASH;
      for (let word = 0; word < VALUE_WORDS; word += 1) {
        this.#words[place * ENTRY_WORDS + ID_WORDS + word] = valueWords[word] ?? 0;
      }
    } else {
      this.#kinds[place] = OTHER;
      this.#others.set(place, value);
    }
  }

  /** Makes a place for an id, the newest; its value is to be put there. */
  #take(id: Uint32Array, at: number): number {
    if (this.#tail === this.#kinds.length) this.#compact();
    const place = this.#tail;
    this.#tail += 1;
    for (let word = 0; word < ID_WORDS; word += 1) this.#words[place * ENTRY_WORDS + word] = id[at + word] ?? 0;
    const slot = this.#slotOf(id, at);
    if (slot === -1) {
      this.#enter(place);
    } else {
      this.#remove((this.#index[slot] ?? 0) - FIRST);
      this.#index[slot] = place + FIRST;
    }
    this.#size += 1;
    return place;
  }

  #remove(place: number): void {
    this.#kinds[place] = NOTHING;
    this.#others.delete(place);
    this.#size -= 1;
  }

  #valueAt(place: number): V | string | undefined {
    const kind = this.#kinds[place];
    if (kind !== HASH) return kind === OTHER ? this.#others.get(place) : undefined;
    let text = "";
    for (let word = 0; word < VALUE_WORDS; word += 1) {
      const value = this.#words[place * ENTRY_WORDS + ID_WORDS + word] ?? 0;
      for (let shift = 24; shift >= 0; shift -= 8) text += HEX[(value >>> shift) & 255] ?? "";
    }
    return text;
  }

  /** The slot of the index that has an id's place; -1 where the id is not there. */
  #slotOf(id: Uint32Array, at: number): number {
    const index = this.#index;
    const words = this.#words;
    const mask = index.length - 1;
    for (let slot = hashOf(id, at) & mask; index.length > 0; slot = (slot + 1) & mask) {
      const entry = index[slot] ?? EMPTY;
      if (entry === EMPTY) return -1;
      if (entry === REMOVED) continue;
      const found = (entry - FIRST) * ENTRY_WORDS;
      if (
        words[found] === id[at] &&
        words[found + 1] === id[at + 1] &&
        words[found + 2] === id[at + 2] &&
        words[found + 3] === id[at + 3]
      ) {
        return slot;
      }
    }
    return -1;
  }

  /** Puts a place whose id is not there yet into the index. There is room: no more are entered than there are places. */
  #enter(place: number): void {
    const mask = this.#index.length - 1;
    let slot = hashOf(this.#words, place * ENTRY_WORDS) & mask;
    while ((this.#index[slot] ?? EMPTY) >= FIRST) slot = (slot + 1) & mask;
    this.#index[slot] = place + FIRST;
  }

  /** Closes the gaps, and makes room where that gains little. */
  #compact(): void {
    const [words, kinds, tail] = [this.#words, this.#kinds, this.#tail];
    const places = kinds.length;
    if (this.#size >= places * 0.6)
      this.#makeRoom(Math.max(LEAST_PLACES, Math.ceil((places < MANY_PLACES ? 2 : 1.5) * places)));
    else this.#index.fill(EMPTY);
    const others = new Map(this.#others);
    this.#others.clear();
    let to = 0;
    for (let from = this.#head; from < tail; from += 1) {
      const kind = kinds[from] ?? NOTHING;
      if (kind === NOTHING) continue;
      for (let word = 0; word < ENTRY_WORDS; word += 1) {
        this.#words[to * ENTRY_WORDS + word] = words[from * ENTRY_WORDS + word] ?? 0;
      }
      this.#kinds[to] = kind;
      const other = others.get(from);
      if (other !== undefined) this.#others.set(to, other);
      this.#enter(to);
      to += 1;
    }
    this.#head = 0;
    this.#tail = to;
  }

  #makeRoom(places: number): void {
    this.#words = new Uint32Array(places * ENTRY_WORDS);
    this.#kinds = new Uint8Array(places);
    this.#index = new Int32Array(places === 0 ? 0 : 2 ** Math.ceil(Math.log2(places * SLOTS_PER_PLACE)));
  }
}

function readId(id: string): void {
  if (id === lastId) return;
  lastId = id;
  idBytes.fill(0);
  idBytes[SHORT] = id.length;
  let short = id.length <= SHORT;
  for (let at = 0; short && at < id.length; at += 1) {
    const code = id.charCodeAt(at);
    idBytes[at] = code;
    short = code < 256;
  }
  if (short) return;
  idBytes.set(hash("sha256", id, "buffer").subarray(0, ID_BYTES));
  idBytes[SHORT] = HASHED;
}

function hashOf(words: Uint32Array, at: number): number {
  let mixed = SEED;
  for (let word = 0; word < ID_WORDS; word += 1) {
    mixed = Math.imul(mixed ^ (words[at + word] ?? 0), 0x9e3779b1);
    mixed ^= mixed >>> 15;
  }
  return mixed;
}

/** Puts a hash into `valueWords`; false where it is none. */
function readHash(value: unknown): boolean {
  if (typeof value !== "string" || value.length !== VALUE_CHARACTERS) return false;
  for (let word = 0, at = 0; word < VALUE_WORDS; word += 1) {
    let bits = 0;
    for (const end = at + HEX_PER_WORD; at < end; at += 1) {
      const code = value.charCodeAt(at);
      const digit = code >= 0x30 && code <= 0x39 ? code - 0x30 : code >= 0x61 && code <= 0x66 ? code - 0x57 : -1;
      if (digit === -1) return false;
      bits = (bits << 4) | digit;
    }
    valueWords[word] = bits;
  }
  return true;
}
