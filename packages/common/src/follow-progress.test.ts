import { describe, expect, it } from "@jest/globals";
import { setTimeout as sleep } from "node:timers/promises";
import { FollowProgress } from "./follow-progress.js";

/** Promises that are fulfilled by hand, in the order in which they were asked for. */
class ByHand<T> {
  readonly #waiting: ((value: T) => void)[] = [];
  asked = 0;

  ask(): Promise<T> {
    this.asked += 1;
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  async answer(value: T): Promise<void> {
    this.#waiting.shift()?.(value);
    await sleep(5);
  }
}

describe("a live tail's progress", () => {
  it("is acknowledged once it is confirmed, what came meanwhile in one go", async () => {
    const confirmations = new ByHand<boolean>();
    const acknowledged: string[] = [];
    const progress = new FollowProgress(
      async (cursor) => acknowledged.push(cursor) > 0,
      () => confirmations.ask(),
    );
    for (const cursor of ["a", "b", "c"]) progress.handedOver(cursor);
    expect(confirmations.asked).toBe(1);
    await confirmations.answer(true);
    expect(acknowledged).toEqual(["a"]);
    await confirmations.answer(true);
    expect(acknowledged).toEqual(["a", "c"]);
    expect(confirmations.asked).toBe(2);
  });

  it("is confirmed no more often than it is told to be", async () => {
    let confirmations = 0;
    const acknowledged: string[] = [];
    const progress = new FollowProgress(
      async (cursor) => acknowledged.push(cursor) > 0,
      async () => (confirmations += 1) > 0,
      () => 3_600_000,
    );
    progress.handedOver("a");
    await sleep(5);
    for (const cursor of ["b", "c"]) progress.handedOver(cursor);
    await sleep(5);
    expect([confirmations, acknowledged]).toEqual([1, ["a"]]);
    // The end does not wait for its turn, and takes nothing for received that was not confirmed.
    await progress.end();
    expect([confirmations, acknowledged]).toEqual([1, ["a"]]);
  });

  it("ends when what has been confirmed is acknowledged, and counts all of it where the client has it", async () => {
    const acknowledgements = new ByHand<boolean>();
    const cursors: string[] = [];
    const progress = new FollowProgress(
      (cursor) => {
        cursors.push(cursor);
        return acknowledgements.ask();
      },
      async () => true,
    );
    progress.handedOver("a");
    await sleep(5);
    progress.handedOver("b");
    let over = false;
    const received = progress.received().then(() => (over = true));
    await acknowledgements.answer(true);
    expect(over).toBe(false);
    await acknowledgements.answer(true);
    await received;
    expect(cursors).toEqual(["a", "b"]);
  });

  it("is left where the client is lost, and taken up with the next batch", async () => {
    const confirmations = new ByHand<boolean>();
    const acknowledged: string[] = [];
    const progress = new FollowProgress(
      async (cursor) => acknowledged.push(cursor) > 0,
      () => confirmations.ask(),
    );
    progress.handedOver("a");
    await confirmations.answer(false);
    expect(acknowledged).toEqual([]);
    progress.handedOver("b");
    await confirmations.answer(true);
    expect(acknowledged).toEqual(["b"]);
  });
});
