import { describe, expect, it } from "@jest/globals";
import { KeyedLock } from "./keyed-lock.js";

describe("a keyed lock", () => {
  it("runs work on the same key in order, other work meanwhile, and goes on after a failure", async () => {
    const lock = new KeyedLock();
    const done: string[] = [];
    let release: () => void = () => undefined;
    const first = lock.run(["a", "b"], async () => {
      await new Promise<void>((resolve) => (release = resolve));
      done.push("first");
      throw new Error("it failed");
    });
    const second = lock.run(["b", "c"], async () => void done.push("second"));
    await lock.run(["d"], async () => void done.push("other"));
    release();
    await expect(first).rejects.toThrow("it failed");
    await second;
    expect(done).toEqual(["other", "first", "second"]);
  });
});
