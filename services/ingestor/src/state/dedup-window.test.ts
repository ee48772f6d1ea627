import { describe, expect, it } from "@jest/globals";
import { DedupWindow } from "./dedup-window.js";

describe("the dedup window", () => {
  it("lets a change through and drops a repeat, duplicates within one page in their order", () => {
    const window = new DedupWindow(10);
    expect(["1", "1", "2", "1"].map((hash) => window.stage("a", hash))).toEqual([true, false, true, true]);
    window.commit();
    expect(window.stage("a", "1")).toBe(false);
    expect(window.stage("a", "2")).toBe(true);
  });

  it("forgets the ids that were not seen for longest", () => {
    const window = new DedupWindow(2);
    for (const id of ["a", "b"]) window.remember(id, "1");
    expect(window.stage("a", "1")).toBe(false);
    window.stage("c", "1");
    window.commit();
    expect(window.size).toBe(2);
    expect(window.stage("a", "1")).toBe(false);
    expect(window.stage("b", "1")).toBe(true);
  });

  it("keeps a page that is larger than itself", () => {
    const window = new DedupWindow(2);
    const ids = ["a", "b", "c", "d"];
    for (const id of ids) window.stage(id, "1");
    window.commit(ids.length);
    expect(ids.map((id) => window.stage(id, "1"))).toEqual([false, false, false, false]);
  });
});
