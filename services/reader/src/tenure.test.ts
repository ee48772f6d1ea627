import { describe, expect, it } from "@jest/globals";
import { type Ending, type Scope, explore } from "./testing/tenure-world.js";

const two: Scope = { processes: 2, partitions: 2, horizonMs: 4500 };
/** Up to where the first one delivers: after that there are too many orders for a test that is always run. */
const three: Scope = { ...two, processes: 3, horizonMs: 0 };
const LONG_MS = 900_000;

/** One has what it took under way, and the other was told that it is busy. */
const oneDelivers = (players: readonly Ending[]): string | undefined => {
  const story = players.map(({ id, delivered, outcome }) => `${id}: ${delivered} ${outcome}`).toSorted();
  const isRight =
    players.some(({ delivered, outcome }) => delivered === 1 && outcome === "") &&
    players.some(({ delivered, outcome }) => delivered === 0 && outcome === "READER_BUSY");
  return isRight ? undefined : story.join(", ");
};

async function holds(scope: Scope, atEnd?: (players: readonly Ending[]) => string | undefined): Promise<void> {
  const { wrong, states } = await explore(scope, atEnd);
  expect(wrong).toBeUndefined();
  expect(states).toBeGreaterThan(100);
}

describe("of several processes, in whatever order they come to do what, at most one may deliver from a reader", () => {
  it("that nobody holds", async () => {
    await holds(two, oneDelivers);
    await holds(three);
  });

  it("whose holder is dead", async () => holds({ ...two, isWidowed: true }, oneDelivers));

  it("that one has in turn with the other", async () => holds({ ...two, visits: 2 }));

  it("that one of them deletes", async () => holds({ ...two, deletes: true }));

  it("unless they have no flag: then it is seen here that two do", async () => {
    expect((await explore({ ...two, partitions: 1 })).wrong).toMatch("a and b deliver");
  });
});

// Each takes a minute or several.
(process.env["APISPOOL_TEST_TENURE"] === "1" ? describe : describe.skip)("the same", () => {
  it.each<[string, Scope]>([
    ["where one of two is killed at any moment", { ...two, kills: 1 }],
    ["where one of three is killed at any moment", { ...three, kills: 1 }],
    ["where two freeze at any moment", { ...two, freezes: 1 }],
    ["where they freeze, and one deletes the reader", { ...two, freezes: 1, deletes: true }],
    ["where one of three deletes the reader", { ...three, deletes: true }],
    ["where three freeze at any moment", { ...three, freezes: 1 }],
    ["where they freeze, and one of two is killed", { ...two, freezes: 1, kills: 1, horizonMs: 2500 }],
  ])("%s", async (_name, scope) => holds(scope), LONG_MS);
});
