import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "@jest/globals";
import { SeekRequestSchema } from "@apispool/contracts/apispool/v1/data_reader_pb.js";
import { type SeekerParts, seekTargets } from "./seeker.js";

describe("a seek to a time before 1970", () => {
  // What it would mean to Kafka: the end of the log.
  it("is refused, and nothing is asked of Kafka", async () => {
    const request = create(SeekRequestSchema, {
      to: { case: "timestamp", value: { seconds: -1n, nanos: 999_000_000 } },
    });
    const seek = seekTargets(request, "me", [], {} as SeekerParts, new AbortController().signal);
    await expect(seek).rejects.toThrow("timestamp: must not be before 1970");
  });
});
