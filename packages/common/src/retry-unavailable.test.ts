import { Code, ConnectError } from "@connectrpc/connect";
import { describe, expect, it } from "@jest/globals";
import { retryUnavailable } from "./retry-unavailable.js";

describe("work that is repeated while somebody is away", () => {
  it("succeeds once they are back", async () => {
    let calls = 0;
    const work = async (): Promise<string> => {
      calls += 1;
      if (calls === 1) throw new ConnectError("away", Code.Unavailable);
      if (calls === 2) throw new ConnectError("slow", Code.DeadlineExceeded);
      return "done";
    };
    expect(await retryUnavailable(10_000, work)).toBe("done");
    expect(calls).toBe(3);
  });

  it("fails at once with what no waiting helps against, and at the end of its time with the last error", async () => {
    let calls = 0;
    const fail = (code: Code) => async (): Promise<never> => {
      calls += 1;
      throw new ConnectError("no", code);
    };
    await expect(retryUnavailable(10_000, fail(Code.InvalidArgument))).rejects.toThrow("no");
    expect(calls).toBe(1);
    await expect(retryUnavailable(150, fail(Code.Unavailable))).rejects.toThrow("no");
    expect(calls).toBe(3);
  });
});
