import { Code, ConnectError } from "@connectrpc/connect";
import { describe, expect, it } from "@jest/globals";
import { isConnectionLost, problemOf } from "./problem.js";

describe("errors in words", () => {
  it.each([
    ["a refused fetch", new TypeError("Failed to fetch")],
    [
      "the same from Connect",
      new ConnectError("Failed to fetch", Code.Internal, undefined, undefined, new TypeError("Failed to fetch")),
    ],
    ["a stream without its end", new ConnectError("missing EndStreamResponse", Code.Internal)],
    ["a stream that just ended", undefined],
  ])("knows %s for a lost connection", (_what, error) => {
    expect(isConnectionLost(error)).toBe(true);
    expect(problemOf(error)).toMatchObject({ unreachable: true, text: expect.stringContaining("cannot be reached") });
  });

  it.each([
    [Code.Unavailable, "Kafka cannot be reached", /Is Kafka running/],
    [Code.Unavailable, "the reader at 127.0.0.1:1 cannot be reached", /Is that service running/],
    [Code.Aborted, "another fetch holds the reader", /Another client/],
    [Code.Internal, "an unexpected error", /log/],
    [Code.InvalidArgument, "reader: must be a name", /^$/],
  ])("says what to do about code %p: %s", (code, text, advice) => {
    const problem = problemOf(new ConnectError(text, code));
    expect(problem.unreachable).toBe(false);
    expect(problem.text).toMatch(/^[A-Z].*\.$/);
    expect(problem.advice).toMatch(advice);
  });

  it("shows whatever is thrown", () => {
    expect(problemOf("odd").text).toBe("Odd.");
    expect(problemOf(new Error("")).text).toBe("It failed without saying why.");
  });
});
