import { expect, it } from "@jest/globals";
import { Limiter } from "./limiter.js";

it("lets so many go on at a time, in order, whatever becomes of them", async () => {
  const limiter = new Limiter(2);
  const going = new Set<number>();
  const begun: number[] = [];
  const ends: (() => void)[] = [];
  const work = [0, 1, 2, 3, 4].map(async (i) =>
    limiter.run(async () => {
      begun.push(i);
      going.add(i);
      expect(going.size).toBeLessThanOrEqual(2);
      await new Promise<void>((resolve) => ends.push(resolve));
      going.delete(i);
      if (i === 1) throw new Error("failed");
    }),
  );
  const settled = Promise.allSettled(work);
  for (let i = 0; i < 5; i += 1) {
    await new Promise((resolve) => setImmediate(resolve));
    ends.shift()?.();
  }
  expect((await settled).map(({ status }) => status)).toEqual([
    "fulfilled",
    "rejected",
    "fulfilled",
    "fulfilled",
    "fulfilled",
  ]);
  expect(begun).toEqual([0, 1, 2, 3, 4]);
});
