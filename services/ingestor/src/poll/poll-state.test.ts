import { describe, expect, it } from "@jest/globals";
import { type PollState, mustAdvance } from "./poll-state.js";

const done: PollState = { fingerprint: "f" };
const at = (page: number, more: Partial<PollState> = {}): PollState => ({
  ...done,
  ...more,
  progress: { poll: "p", values: { now: 1 }, token: { page }, pages: page },
});

describe("whether a state has to be written where nothing is new", () => {
  it.each([
    ["nothing is known, and nothing is new", undefined, done, 1e9, false],
    ["only validators are others", done, { ...done, first: { question: "", validators: {}, hash: "" } }, 1e9, false],
    ["a poll that had begun to write is done", at(3), done, 0, true],
    ["the high-water mark has moved", done, { ...done, highWater: "2" }, 0, true],
    ["pages without news go by", done, at(3), 4000, false],
    ["pages without news have gone by for long", done, at(3), 6000, true],
    ["it is still the same page", at(3), at(3), 6000, false],
    ["the parent's records go by", done, { ...done, parent: { 0: 9 } }, 4000, false],
    ["the parent's records have gone by for long", done, { ...done, parent: { 0: 9 } }, 6000, true],
  ])("%s", (_what, written, next, sinceMs, expected) => {
    expect(mustAdvance(written, next, sinceMs)).toBe(expected);
  });
});
