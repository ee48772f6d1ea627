import { describe, expect, it } from "@jest/globals";
import { share } from "./shares.js";

const all = ["a", "b", "c", "d", "e"];
const lists = (shares: ReadonlyMap<string, readonly string[]>) =>
  Object.fromEntries([...shares].map(([member, list]) => [member, list.toSorted()]));

describe("the division of sources among ingestors", () => {
  it("gives everything to the only one", () => {
    expect(lists(share([{ memberId: "m", sources: all, holds: [] }]))).toEqual({ m: all });
  });

  it("leaves every source where it is while that is even, and gives a newcomer no more than its part", () => {
    const before = share([
      { memberId: "m", sources: all, holds: all },
      { memberId: "n", sources: all, holds: [] },
    ]);
    expect(lists(before)).toEqual({ m: ["a", "b", "c"], n: ["d", "e"] });
    const again = share([
      { memberId: "n", sources: all, holds: ["d", "e"] },
      { memberId: "m", sources: all, holds: ["a", "b", "c"] },
    ]);
    expect(lists(again)).toEqual(lists(before));
  });

  it("divides what a member that is gone has left behind", () => {
    const shares = share([
      { memberId: "m", sources: all, holds: ["a", "b"] },
      { memberId: "n", sources: all, holds: ["c"] },
    ]);
    expect(lists(shares)).toEqual({ m: ["a", "b", "e"], n: ["c", "d"] });
  });

  it("gives a source only to one that has it in its configuration, and to one alone", () => {
    const shares = share([
      { memberId: "m", sources: ["a", "b"], holds: ["a", "old"] },
      { memberId: "n", sources: ["a", "b", "c", "d"], holds: ["a"] },
    ]);
    expect([...shares.values()].flat().toSorted()).toEqual(["a", "b", "c", "d"]);
    expect(lists(shares)["m"]).toEqual(expect.not.arrayContaining(["c", "d", "old"]));
  });

  it("has nothing to divide without members or sources", () => {
    expect(share([]).size).toBe(0);
    expect(lists(share([{ memberId: "m", sources: [], holds: [] }]))).toEqual({ m: [] });
  });
});
