import { create } from "@bufbuild/protobuf";
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { ConnectError } from "@connectrpc/connect";
import { describe, expect, it } from "@jest/globals";
import { AckMode, FetchUnreadRequestSchema } from "@apispool/contracts/apispool/v1/data_reader_pb.js";
import { fetchSpec } from "./fetch-request.js";

const spec = (init: MessageInitShape<typeof FetchUnreadRequestSchema>) =>
  fetchSpec(create(FetchUnreadRequestSchema, init));

describe("a fetch request", () => {
  it("that says nothing means everything unread of all sources, for the reader default", () => {
    expect(spec({})).toEqual({
      reader: "default",
      sources: [],
      limit: Number.POSITIVE_INFINITY,
      maxBytes: Number.POSITIVE_INFINITY,
      follow: false,
      waitMs: 0,
      ack: "auto",
      ackCursor: "",
      since: "",
      start: "earliest",
      leaseMs: 300_000,
      filter: undefined,
    });
  });

  it.each<[string, MessageInitShape<typeof FetchUnreadRequestSchema>, RegExp]>([
    ["a reader with a slash", { reader: "a/b" }, /reader: "a\/b" must be 1 to 200 letters/],
    ["a reader of 201 letters", { reader: "x".repeat(201) }, /reader: .*must be 1 to 200/],
    ["an unknown mode", { ack: 9 as AckMode }, /ack: 9 is no mode; it must be AUTO, MANUAL or LEASE/],
    ["a wait of six minutes", { wait: { seconds: 360n } }, /wait: must be from 0 to 300 seconds/],
    ["a negative wait", { wait: { seconds: -1n } }, /wait: must be from 0/],
    ["a lease with AUTO", { lease: { seconds: 5n } }, /lease: goes only with ack = ACK_MODE_LEASE/],
    ["a lease of nothing", { ack: AckMode.LEASE, lease: { seconds: 0n } }, /lease: must be more than 0/],
    ["since with LEASE", { ack: AckMode.LEASE, since: "x" }, /since: does not go with/],
    ["follow with LEASE", { ack: AckMode.LEASE, follow: true }, /follow: does not go with/],
    ["an empty key", { keys: ["a", ""] }, /keys\[1\]: is empty/],
    ["a where that is none", { where: "a ==" }, /where: is no JMESPath: wrong at its end/],
    ["an empty source", { sources: ["a", ""] }, /sources\[1\]: is empty/],
    ["a start before 1970", { start: { at: { case: "timestamp", value: { seconds: -5n } } } }, /start.timestamp: must/],
  ])("with %s is refused, and says what is allowed", (_what, init, message) => {
    expect(() => spec(init)).toThrow(message);
  });

  it("with several things wrong says all of them at once", () => {
    try {
      spec({ reader: "a b", wait: { seconds: 999n } });
    } catch (error) {
      expect((error as ConnectError).rawMessage).toMatch(/reader: .*; wait: /);
      return;
    }
    throw new Error("it was taken");
  });
});
