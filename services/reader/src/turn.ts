import type { Place } from "./place.js";

/**
 * The same places, beginning with another one for each state of reading: who asks for a few records at a time would otherwise be given
 * those of the first source for as long as it has enough, and never one of the others. Nothing is remembered of a reader for it; the same
 * positions give the same turn, so what is asked for again comes as it came before.
 */
export function inTurn(places: readonly Place[]): readonly Place[] {
  if (places.length < 2) return places;
  const read = places.reduce((sum, { offset }) => (sum + offset) % 0x1_0000_0000, 0);
  const first = mixed(read) % places.length;
  return [...places.slice(first), ...places.slice(0, first)];
}

/** Spreads 32 bits over 32 bits, so that sums which grow by the same step do not keep to some of the places (MurmurHash3's finalizer). */
function mixed(bits: number): number {
  let hash = bits >>> 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85eb_ca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2_ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
