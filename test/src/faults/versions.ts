import { Random } from "../support/random.js";

/** One in so many versions is of a thing that was there before. */
const REVISED = 0.3;

/** A version by its number: which thing it is of, and its text, both by the seed alone, so that nobody has to keep them. */
export class Versions {
  readonly #seed: number;

  constructor(seed: number) {
    this.#seed = seed;
  }

  /** The thing that the `n`th version (from 1) is of, where things come and change. */
  thing(n: number): number {
    const random = this.#random(n);
    const revised = n > 1 && random.next() < REVISED;
    return revised ? random.below(n - 1) : n;
  }

  /** JSON such that whoever parses and prints it again changes it. */
  text(n: number, id: number): string {
    const random = this.#random(-n);
    const exact = `9007199254740993${String(random.below(1e6)).padStart(6, "0")}.10`;
    const filling = "ü".repeat(random.below(60));
    return `{"n":${n},"id":"thing-${id}", "exact":${exact},"text":"${filling}"}`;
  }

  #random(n: number): Random {
    return new Random(Math.imul(n, 0x9e_37_79_b1) ^ this.#seed);
  }
}

/** Number and thing of a version's text; undefined where it is none. */
export function readVersion(text: string): { n: number; id: number } | undefined {
  const [, n, id] = /^\{"n":(\d+),"id":"thing-(\d+)"/.exec(text) ?? [];
  return n === undefined || id === undefined ? undefined : { n: Number(n), id: Number(id) };
}
