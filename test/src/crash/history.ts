import type { Random } from "../support/random.js";

/** One version of a thing, as the API sends it. */
export interface Version {
  readonly id: string;
  /** JSON text. */
  readonly text: string;
}

/** One in so many versions is of a thing that was there before. */
const REVISED = 0.3;

/**
 * Everything that an API will ever say, in order: things, and new versions of things. Number and text of each are such
 * that whoever parses and prints them again changes them.
 */
export function makeHistory(count: number, random: Random): Version[] {
  const versions: number[] = [];
  return Array.from({ length: count }, (_, i) => {
    const seq = i + 1;
    const revised = versions.length > 0 && random.next() < REVISED;
    const thing = revised ? random.below(versions.length) : versions.length;
    const version = (versions[thing] ?? 0) + 1;
    versions[thing] = version;
    const id = `thing-${thing}`;
    const exact = `9007199254740993${String(random.below(1e6)).padStart(6, "0")}.10`;
    const filling = "ü".repeat(random.below(60));
    return { id, text: `{"seq":${seq},"id":"${id}", "version":${version},"exact":${exact},"text":"${filling}"}` };
  });
}
