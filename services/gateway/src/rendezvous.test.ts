import { describe, expect, it } from "@jest/globals";
import { inOrderOfPreference } from "./rendezvous.js";

const membersOf = (count: number) => Array.from({ length: count }, (_, i) => ({ address: `10.0.0.${i + 1}:50052` }));
const names = Array.from({ length: 3000 }, (_, i) => `reader-${i}`);
const first = (name: string, members: readonly { address: string }[]): string | undefined =>
  inOrderOfPreference(name, members)[0]?.address;

describe("inOrderOfPreference", () => {
  it("gives all members, in an order that does not depend on the one in which they are known", () => {
    const members = membersOf(5);
    for (const name of names.slice(0, 50)) {
      const order = inOrderOfPreference(name, members);
      expect(new Set(order)).toEqual(new Set(members));
      expect(inOrderOfPreference(name, members.toReversed())).toEqual(order);
    }
  });

  it("shares the names evenly", () => {
    const members = membersOf(3);
    const counts = new Map<string | undefined, number>();
    for (const name of names) counts.set(first(name, members), (counts.get(first(name, members)) ?? 0) + 1);
    // 1000 each, with a standard deviation of 26.
    for (const { address } of members) expect(Math.abs((counts.get(address) ?? 0) - 1000)).toBeLessThan(150);
  });

  it("moves only the names of a member that goes, each to the one that it prefers next", () => {
    const members = membersOf(4);
    const gone = members[1]?.address;
    const left = members.filter(({ address }) => address !== gone);
    for (const name of names) {
      const [before, second] = inOrderOfPreference(name, members);
      expect(first(name, left)).toBe(before?.address === gone ? second?.address : before?.address);
    }
  });

  it("gives a member that comes its share, and moves no name between the others", () => {
    const members = membersOf(4);
    const moved = names.filter((name) => first(name, members) !== first(name, members.slice(0, 3)));
    expect(moved.every((name) => first(name, members) === members[3]?.address)).toBe(true);
    expect(Math.abs(moved.length - 750)).toBeLessThan(150);
  });
});
