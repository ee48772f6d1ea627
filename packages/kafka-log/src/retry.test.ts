import { createRequire } from "node:module";
import { Code } from "@connectrpc/connect";
import { describe, expect, it } from "@jest/globals";
import { reasonOf } from "@apispool/common/errors.js";
import { isPassing, toKafkaError } from "./retry.js";

const require = createRequire(import.meta.url);
/** As kafkajs makes it of what a broker answers. */
const { createErrorFromCode } = require("kafkajs/src/protocol/error.js") as {
  createErrorFromCode: (code: number) => Error;
};

const border = (code: number) => {
  const error = toKafkaError(createErrorFromCode(code), ["k:9092"]);
  return [error.code, reasonOf(error)];
};

describe("what a broker answers", () => {
  it.each([
    ["UNKNOWN_SERVER_ERROR", -1],
    ["COORDINATOR_LOAD_IN_PROGRESS", 14],
    ["NOT_LEADER_OR_FOLLOWER", 6],
  ])("passes: %s", (_name, code) => {
    expect(isPassing(createErrorFromCode(code))).toBe(true);
  });

  it("is UNAVAILABLE where the broker itself failed: an EventSource would never come back after a 400", () => {
    expect(border(-1)).toEqual([Code.Unavailable, "KAFKA_UNAVAILABLE"]);
  });

  it("is a refusal where trying again cannot help", () => {
    expect(isPassing(createErrorFromCode(29))).toBe(false);
    expect(border(29)).toEqual([Code.FailedPrecondition, "KAFKA_REFUSED"]);
    expect(border(3)).toEqual([Code.NotFound, "UNKNOWN_SOURCE"]);
  });
});
