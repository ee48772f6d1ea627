import { describe, expect, it } from "@jest/globals";
import type { LogReader } from "./log-reader.js";
import { meteredLogReader } from "./metered-log-reader.js";
import { unavailable } from "./retry.js";

describe("a metered log reader", () => {
  it("tells of what it asks and what came of it, and hands on what comes", async () => {
    const told: string[] = [];
    let failure: unknown;
    const answer = async (): Promise<never> => {
      if (failure !== undefined) throw failure;
      return [] as never;
    };
    const inner = {
      topics: answer,
      fetch: answer,
      commit: answer,
      committed: answer,
      ping: answer,
    } as never as LogReader;
    const log = meteredLogReader(inner, (operation, outcome, seconds) => {
      expect(seconds).toBeGreaterThanOrEqual(0);
      told.push(`${operation} ${outcome}`);
    });
    const place = { topic: "t", partition: 0, offset: 0, metadata: "" };
    const limits = { maxBytes: 1, maxBytesPerPartition: 1 };
    await log.fetch([place], { ...limits, maxWaitMs: 0 });
    await log.fetch([place], { ...limits, maxWaitMs: 500 });
    // What asks nothing costs nothing.
    await log.fetch([], { ...limits, maxWaitMs: 0 });
    expect(await log.commit("g", [])).toBe(true);
    failure = unavailable(["k:9092"], new Error("refused"));
    await expect(log.commit("g", [place])).rejects.toBe(failure);
    failure = new Error("odd");
    await expect(log.topics("")).rejects.toBe(failure);
    await expect(log.ping(AbortSignal.abort())).rejects.toBe(failure);
    expect(told).toEqual([
      "fetch ok",
      "long_poll ok",
      "commit_offsets unavailable",
      "list_topics error",
      "ping given_up",
    ]);
  });
});
