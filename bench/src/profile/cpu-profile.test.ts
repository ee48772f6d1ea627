import { expect, test } from "@jest/globals";
import { type CpuProfile, profileTable, selfTimes } from "./cpu-profile.js";

const frame = (functionName: string, url = "", lineNumber = 0) => ({ functionName, url, lineNumber, columnNumber: 0 });

/** Samples at 0, 10, 40, 50, 100 µs; the last one's length nobody knows. */
const profile: CpuProfile = {
  nodes: [
    { id: 1, callFrame: frame("(root)"), children: [2, 3, 4] },
    { id: 2, callFrame: frame("encode", "node:buffer", 9) },
    { id: 3, callFrame: frame("(idle)") },
    // The same function, called from elsewhere.
    { id: 4, callFrame: frame("encode", "node:buffer", 9) },
    { id: 5, callFrame: frame("(garbage collector)") },
  ],
  startTime: 0,
  endTime: 120,
  samples: [2, 3, 4, 5, 2],
  timeDeltas: [0, 10, 30, 10, 50],
};

test("a function's own time is that of all its samples, from wherever it was called", () => {
  expect(selfTimes(profile).map(({ name, us }) => [name, us])).toEqual([
    ["(garbage collector)", 50],
    ["(idle)", 30],
    ["encode", 20],
  ]);
});

test("shares are of the time that the process worked; garbage counts, idling does not", async () => {
  const text = await profileTable(profile);
  expect(text).toMatch(/\| \(garbage collector\) \| +\| +71\.4 % \|/);
  expect(text).toMatch(/\| encode +\| node:buffer:10 \| +28\.6 % \|/);
  expect(text).not.toContain("(idle)");
});
