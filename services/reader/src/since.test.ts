import { expect, it } from "@jest/globals";
import { placeInLog } from "./since.js";

it("tells words and times from cursors", () => {
  expect(placeInLog("earliest")).toBe("earliest");
  expect(placeInLog("latest")).toBe("latest");
  expect(placeInLog("2026-11-24T12:00:00Z")).toEqual({ timestampMs: Date.UTC(2026, 10, 24, 12) });
  expect(placeInLog("2026-11-24t13:00:00.5+01:00")).toEqual({ timestampMs: Date.UTC(2026, 10, 24, 12, 0, 0, 500) });
  expect(placeInLog("dGhpcyBpcyBhIGN1cnNvcg")).toBeUndefined();
});

it.each(["12:00", "2026-11-24T25:00:00Z", "1969-12-31T23:59:59Z", "2026-11-24 12:00:00Z"])(
  "says what is allowed for %s",
  (since) => {
    expect(() => placeInLog(since)).toThrow(/since: is ".*"; it must be a cursor, "earliest", "latest", or a time/);
  },
);
