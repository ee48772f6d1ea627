import { describe, expect, it } from "@jest/globals";
import type { LogRecord } from "@apispool/kafka-log/log-reader.js";
import { storeRecords } from "@apispool/kafka-log/testing/store-record.js";
import { loadRecordKernel } from "./record-kernel.js";
import { headersWith, ingested } from "./testing/records.js";
import { WireWriter } from "@apispool/record-codec/wire-writer.js";

/** The offsets of the records that the kernel leaves to the plain way. */
function leftOver(records: readonly LogRecord[], source = "s"): number[] {
  const kernel = loadRecordKernel();
  expect(kernel.takes(Buffer.from(source))).toBe(true);
  const left: number[] = [];
  kernel.write(new WireWriter(0), storeRecords(records), 0, ({ offset }) => left.push(offset));
  return left;
}

const empty = Buffer.alloc(0);
const many = Array.from({ length: 60 }, (_, i) => [`x-${i}`, empty] as const);
const long = "n".repeat(64);

describe("the kernel", () => {
  it("writes all that the ingestor writes itself", () => {
    const records = Array.from({ length: 3000 }, (_, i) => ingested(i));
    expect(leftOver(records)).toEqual([]);
    expect(leftOver(records, "x".repeat(256))).toEqual([]);
  });

  it.each<[string, Partial<LogRecord>]>([
    ["of a time before 1970", { timestampMs: -2 }],
    ["without a value", { value: null }],
    ["with an empty value", { value: Buffer.alloc(0) }],
    ["without a key", { key: null }],
    ["without an id", { headers: headersWith({ ce_id: undefined }) }],
    ["without an event time", { headers: headersWith({ ce_time: undefined }) }],
    ["with text of any language", { headers: headersWith({ ce_id: Buffer.from("größer-∞"), né: Buffer.from("𝄞") }) }],
    [
      "that says where it comes from",
      { headers: headersWith({ traceparent: Buffer.from("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01") }) },
    ],
    ["at an offset beyond 2^32", { offset: 2 ** 40 }],
    ["of 20 KB", { value: Buffer.alloc(20_000, "1") }],
  ])("writes a record %s itself", (_, but) => {
    expect(leftOver([ingested(0), ingested(1, but), ingested(2)])).toEqual([]);
  });

  it.each<[string, Partial<LogRecord>]>([
    ["that others wrote", { headers: [] }],
    ["that is no JSON", { headers: headersWith({ "content-type": Buffer.from("text/plain") }) }],
    ["with bytes for a header", { headers: headersWith({ odd: Buffer.from([0xc3, 0x28]) }) }],
    ["with bytes for its value", { value: Buffer.from([0xed, 0xa0, 0x80]) }],
    ["with a header without a value", { headers: headersWith({ odd: null }) }],
    ["without a time", { timestampMs: -1 }],
    ["of a year that no Timestamp has", { timestampMs: 253_402_300_800_000 }],
    ["of an odd event time", { headers: headersWith({ ce_time: Buffer.from("24.11.2026") }) }],
    ["larger than its memory", { value: Buffer.alloc(100_000, "1") }],
    ["with very many headers", { headers: headersWith(Object.fromEntries(many)) }],
    // The length of the long name begins with a byte that would go on with the character.
    ["whose header ends within a character", { headers: headersWith({ odd: Buffer.from([0xc3]), [long]: empty }) }],
  ])("leaves a record %s to the plain way, and goes on behind it", (_, but) => {
    expect(leftOver([ingested(0), ingested(1, but), ingested(2), ingested(3, but)])).toEqual([1, 3]);
  });

  it("does not take a source whose name is too long", () => {
    expect(loadRecordKernel().takes(Buffer.alloc(257, "x"))).toBe(false);
  });
});
