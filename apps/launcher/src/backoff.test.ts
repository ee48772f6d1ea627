import { describe, expect, it } from "@jest/globals";
import { RestartBackoff, defaultRestartPolicy } from "./backoff.js";

describe("the wait before a restart", () => {
  it("doubles from 250 ms to 5 s, and begins again after 10 s of life", () => {
    const backoff = new RestartBackoff(defaultRestartPolicy);
    const quick = [0, 0, 9999, 0, 0, 0, 0].map((up) => backoff.afterDeath(up));
    expect(quick).toEqual([250, 500, 1000, 2000, 4000, 5000, 5000]);
    expect([10_000, 0].map((up) => backoff.afterDeath(up))).toEqual([250, 500]);
  });
});
