import { describe, expect, it } from "@jest/globals";
import { PollError } from "../poll-error.js";
import { judge } from "./failures.js";

const retry = { maxAttempts: 3, initialMs: 500, maxMs: 60_000, openAfter: 5 };
const judged = (failures: number, error: PollError, random = 0.5) => judge(error, failures, retry, [], () => random);

describe("a poll that failed", () => {
  const error = new PollError("HTTP 500");

  it("is made again after a wait that grows", () => {
    expect([1, 2, 3, 4].map((failures) => judged(failures, error).pauseMs)).toEqual([250, 500, 1000, 2000]);
    expect(judged(4, error).text).toBe("HTTP 500");
  });

  it("is made again once in the longest wait when it has failed often, and says so", () => {
    expect([5, 6, 600].map((failures) => judged(failures, error).pauseMs)).toEqual([60_000, 60_000, 60_000]);
    expect([0, 1].map((random) => judged(5, error, random).pauseMs)).toEqual([54_000, 66_000]);
    const text = "HTTP 500; 5 or more polls in a row have failed, so only one request every 1m is made now";
    expect([5, 6].map((failures) => judged(failures, error).text)).toEqual([text, text]);
  });

  it("is not made again before the API wants it", () => {
    const throttled = new PollError("HTTP 429", { kind: "throttled", retryAfterMs: 90_000 });
    expect([1, 5].map((failures) => judged(failures, throttled).pauseMs)).toEqual([90_000, 90_000]);
  });
});

describe("a write that Kafka refused because of its time", () => {
  it("is explained by the clock, and tried again within seconds however often it failed", () => {
    const refusal = Object.assign(new Error("out of acceptable range"), { type: "INVALID_TIMESTAMP" });
    const error = new Error("it could not be sent", { cause: refusal });
    const { text, pauseMs } = judge(error, 600, retry, [], () => 0.5);
    expect(text).toMatch(/this ingestor's clock is ahead of Kafka's .* nothing is lost/);
    expect(pauseMs).toBeLessThanOrEqual(2000);
  });
});
