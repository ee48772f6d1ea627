import { describe, expect, it } from "@jest/globals";
import { within } from "./within.js";

const timers = (): number => process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length;

describe("within", () => {
  it("says whether it was in time, passes errors on, and leaves no timer behind", async () => {
    const before = timers();
    expect(await within(3_600_000, Promise.resolve("anything"))).toBe(true);
    await expect(within(3_600_000, Promise.reject(new Error("no")))).rejects.toThrow("no");
    expect(await within(1, new Promise(() => undefined))).toBe(false);
    expect(timers()).toBe(before);
  });
});
