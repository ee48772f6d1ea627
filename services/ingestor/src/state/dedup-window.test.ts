import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { DedupWindow } from "./dedup-window.js";
import { rememberAll } from "./log-tail.js";

type Item = readonly [id: string, hash: string];

/** A log that a window decides over, in which the records of a page have one timestamp. */
class Log {
  readonly written: { id: string; hash: string; unwritten: readonly string[]; timestampMs: number }[] = [];
  window = new DedupWindow(1000);
  #pages = 0;

  /** Tells what of a page was written; it is committed in parts of so many items. */
  page(items: readonly Item[], part = items.length): string[] {
    this.window.beginPage();
    this.#pages += 1;
    return this.rest(items, part);
  }

  rest(items: readonly Item[], part = items.length): string[] {
    const all: string[] = [];
    for (let from = 0; from < items.length; from += part) {
      all.push(...this.#stage(items.slice(from, from + part)));
      this.window.commit();
    }
    return all;
  }

  /** A page that is committed with others. */
  stage(items: readonly Item[]): string[] {
    this.window.beginPage();
    this.#pages += 1;
    return this.#stage(items);
  }

  #stage(items: readonly Item[]): string[] {
    const fresh = items.filter(([id, hash]) => {
      if (!this.window.stage(id, hash)) return false;
      this.written.push({ id, hash, unwritten: this.window.unwritten(id), timestampMs: this.#pages });
      return true;
    });
    return fresh.map((item) => item.join(""));
  }

  /** A process that knows nothing but the log. */
  restart(): void {
    this.window = new DedupWindow(1000);
    rememberAll([{ nextOffset: 0, sequence: 0, written: this.written }], this.window);
  }
}

const item = fc.tuple(fc.constantFrom("a", "b", "c"), fc.constantFrom("1", "2", "3"));
const page = fc.array(item, { maxLength: 8 });

/** The rule in plain words, for a page at a time. */
class Model {
  readonly #ids = new Map<string, { newest: string; contents: Set<string> }>();

  page(items: readonly Item[]): string[] {
    const written: string[] = [];
    const now = new Map<string, { newest: string | undefined; contents: Set<string>; wrote: boolean }>();
    for (const [id, hash] of items) {
      const old = this.#ids.get(id);
      const at = now.get(id) ?? { newest: old?.newest, contents: new Set(), wrote: false };
      now.set(id, at);
      at.contents.add(hash);
      if (hash === at.newest || (!at.wrote && old?.contents.has(hash) === true)) continue;
      written.push(id + hash);
      at.newest = hash;
      at.wrote = true;
    }
    for (const [id, { newest = "", contents }] of now) this.#ids.set(id, { newest, contents: contents.add(newest) });
    return written;
  }
}

describe("the dedup window", () => {
  const v1 = ["a", "1"] as const;
  const v2 = ["a", "2"] as const;

  it.each([
    [
      "an unchanged page of one id with two contents",
      [
        [v1, v2],
        [v1, v2],
        [v1, v2],
      ],
      [["a1", "a2"], [], []],
    ],
    ["there and back again", [[v1], [v2], [v1]], [["a1"], ["a2"], ["a1"]]],
    ["the older of two goes, and comes again", [[v1, v2], [v2], [v1, v2]], [["a1", "a2"], [], ["a1", "a2"]]],
    ["a content comes to one that is known", [[v1], [v1, v2], [v1, v2]], [["a1"], ["a2"], []]],
    ["repeats within a page", [[v1, v1, v2, v1]], [["a1", "a2", "a1"]]],
  ])("%s", (_what, pages, expected) => {
    const log = new Log();
    expect(pages.map((items) => log.page(items))).toEqual(expected);
  });

  it("follows its rule, however a page is cut into transactions", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(page, fc.integer({ min: 1, max: 8 }))), (pages) => {
        const log = new Log();
        const model = new Model();
        for (const [items, part] of pages) expect(log.page(items, part)).toEqual(model.page(items));
      }),
    );
  });

  const transaction = fc.array(page, { minLength: 1, maxLength: 4 });

  it("follows its rule where several pages share a transaction", () => {
    fc.assert(
      fc.property(fc.array(transaction), (transactions) => {
        const log = new Log();
        const model = new Model();
        for (const pages of transactions) {
          for (const items of pages) expect(log.stage(items)).toEqual(model.page(items));
          log.window.commit();
        }
      }),
    );
  });

  it("knows the last page of a transaction of several again, after a restart too", () => {
    fc.assert(
      fc.property(fc.array(transaction, { minLength: 1 }), (transactions) => {
        const log = new Log();
        for (const pages of transactions) {
          for (const items of pages) log.stage(items);
          log.window.commit();
          log.restart();
          expect(log.page(pages.at(-1) ?? [])).toEqual([]);
        }
      }),
    );
  });

  it("keeps the pages that are staged together until it is told how many", () => {
    const window = new DedupWindow(2);
    for (const page of ["a", "b", "c"]) {
      window.beginPage();
      for (const n of [1, 2, 3]) expect(window.stage(`${page}${n}`, "1")).toBe(true);
    }
    window.commit(9);
    for (const page of ["a", "b", "c"]) {
      window.beginPage();
      for (const n of [1, 2, 3]) expect(window.stage(`${page}${n}`, "1")).toBe(false);
      window.commit(9);
    }
  });

  it("writes nothing of a page that has not changed, after a restart neither", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(page, fc.boolean()), { minLength: 1 }), (pages) => {
        const log = new Log();
        for (const [items, restart] of pages) {
          log.page(items);
          if (restart) log.restart();
          expect(log.page(items)).toEqual([]);
        }
      }),
    );
  });

  it("has the last content of a page as the newest in the log, where the page brought anything for the id", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(page, fc.boolean())), (pages) => {
        const log = new Log();
        for (const [items, restart] of pages) {
          const written = log.page(items);
          for (const id of ["a", "b", "c"]) {
            const last = items.findLast(([of]) => of === id)?.[1];
            if (written.some((text) => text.startsWith(id))) {
              expect(log.written.findLast((record) => record.id === id)?.hash).toBe(last);
            }
          }
          if (restart) log.restart();
        }
      }),
    );
  });

  it("goes on in a page of which a part is in the log, in another process too", () => {
    const log = new Log();
    log.page([["b", "1"]]);
    log.page([v1, v2]);
    log.restart();
    expect(log.rest([v1, ["b", "1"]])).toEqual(["a1"]);
    expect(log.page([v1, v2, v1, ["b", "1"]])).toEqual([]);
  });

  it("takes what was staged and not written for new again", () => {
    const { window } = new Log();
    window.beginPage();
    expect([window.stage("a", "1"), window.stage("a", "1")]).toEqual([true, false]);
    window.rollback();
    expect(window.stage("a", "1")).toBe(true);
  });

  it("forgets the ids that were not seen for longest", () => {
    const window = new DedupWindow(2);
    for (const id of ["a", "b"]) window.remember(id, "1");
    window.beginPage();
    expect(window.stage("a", "1")).toBe(false);
    expect(window.stage("c", "1")).toBe(true);
    window.commit();
    window.beginPage();
    expect(window.stage("a", "1")).toBe(false);
    expect(window.stage("b", "1")).toBe(true);
  });

  it("keeps a page that is larger than itself", () => {
    const window = new DedupWindow(2);
    const ids = ["a", "b", "c", "d"];
    for (const id of ids) window.stage(id, "1");
    window.commit(ids.length);
    window.beginPage();
    expect(ids.map((id) => window.stage(id, "1"))).toEqual([false, false, false, false]);
  });

  it("puts the records of several partitions in the order in which they were written", () => {
    const window = new DedupWindow(2);
    const record = (id: string, timestampMs: number) => ({ id, hash: "1", unwritten: [], timestampMs });
    const tails = [
      [record("a", 1), record("d", 4)],
      [record("b", 2), record("c", 3)],
    ].map((written) => ({ nextOffset: 9, sequence: 2, written }));
    expect(rememberAll(tails, window)).toBe(4);
    window.beginPage();
    expect(["d", "c", "b", "a"].map((id) => window.stage(id, "1"))).toEqual([false, false, true, true]);
  });
});
