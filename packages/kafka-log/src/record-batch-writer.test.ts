import { createRequire } from "node:module";
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import type { Message } from "kafkajs";
import { decodeRecordBatches } from "./record-batch.js";
import { encodeRecordBatch } from "./record-batch-writer.js";

const require = createRequire(import.meta.url);
const kafkajsRecord = require("kafkajs/src/protocol/recordBatch/record/v0") as (message: object) => object;
const { RecordBatch: kafkajsBatch } = require("kafkajs/src/protocol/recordBatch/v0") as {
  RecordBatch: (batch: object) => Promise<{ buffer: Buffer }>;
};

const settings = {
  transactional: true,
  producerId: 4_294_967_301n,
  producerEpoch: 7,
  firstSequence: 99,
  now: 1_700_000_000_000,
};

const text = fc.oneof(fc.string(), fc.string({ unit: "grapheme" }), fc.string({ minLength: 100, maxLength: 300 }));
const bytes = fc.uint8Array({ maxLength: 20_000 }).map((array) => Buffer.from(array));
const message: fc.Arbitrary<Message> = fc.record({
  key: fc.oneof(fc.constant(null), text, bytes),
  value: fc.oneof(fc.constant(null), text, bytes),
  headers: fc.dictionary(fc.string({ minLength: 1 }), fc.oneof(text, bytes), { noNullPrototype: true }),
});

describe("writing record batches", () => {
  it("writes what kafkajs writes, byte for byte", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(message, { minLength: 1, maxLength: 200 }), async (messages) => {
        const theirs = await kafkajsBatch({
          records: messages.map((one, offsetDelta) => kafkajsRecord({ ...one, offsetDelta, timestampDelta: 0 })),
          firstTimestamp: settings.now,
          maxTimestamp: settings.now,
          lastOffsetDelta: messages.length - 1,
          transactional: true,
          producerId: String(settings.producerId),
          producerEpoch: settings.producerEpoch,
          firstSequence: settings.firstSequence,
        });
        expect(encodeRecordBatch(messages, settings).equals(theirs.buffer)).toBe(true);
      }),
      { numRuns: 50 },
    );
  });

  it("keeps the messages' own times, in whatever order they are", () => {
    const times = [settings.now, settings.now - 86_400_000, settings.now + 5_000_000_000];
    const batch = encodeRecordBatch(
      times.map((time) => ({ value: "x", timestamp: String(time) })),
      settings,
    );
    const { records, unreadable } = decodeRecordBatches(batch, 0);
    expect(unreadable).toEqual([]);
    expect(records.map(({ timestampMs }) => timestampMs)).toEqual(times);
  });
});
