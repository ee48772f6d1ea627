import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { storeRecord } from "@apispool/kafka-log/testing/store-record.js";
import { encodeResponse } from "./encode-response.js";
import { sharedResponse } from "./shared-response.js";
import type { Run } from "./unread.js";

const place = { source: "s", topic: "t", topicId: "ab".repeat(16), partition: 0, offset: 12 };

describe("a message of records that others are given, too", () => {
  it("is what it would be without the others, for everybody", () => {
    const run = fc
      .tuple(fc.constantFrom("quakes", "s"), fc.nat(3), fc.boolean(), fc.array(fc.json(), { maxLength: 5 }))
      .map(([source, partition, shared, values]): Run => {
        const records = values.map((value, offset) =>
          storeRecord({ offset, timestampMs: 7, key: null, value: Buffer.from(value), headers: [] }),
        );
        return { source, partition, records, shared };
      });
    fc.assert(
      fc.property(fc.array(run, { maxLength: 4 }), fc.boolean(), (runs, complete) => {
        const chunk = { runs, gaps: [], places: [place], complete };
        for (const reader of ["one", "another", "one"]) {
          expect(sharedResponse(reader, chunk)).toEqual(encodeResponse(reader, chunk));
        }
      }),
    );
  });
});
