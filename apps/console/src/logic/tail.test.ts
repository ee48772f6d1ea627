import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { GapReason, GapSchema } from "@apispool/contracts/apispool/v1/data_reader_pb.js";
import { RecordSchema } from "@apispool/contracts/apispool/v1/record_pb.js";
import { describe, expect, it } from "@jest/globals";
import {
  addBatch,
  asText,
  canCatchUp,
  catchUpMs,
  emptyTail,
  markAway,
  matching,
  mostEntries,
  sinceOf,
  textOf,
} from "./tail.js";

const record = (offset: number, json = `{"n":${offset}}`) =>
  create(RecordSchema, {
    source: "orders",
    id: `id-${offset}`,
    offset: BigInt(offset),
    payload: { case: "json", value: json },
  });
const records = (from: number, count: number) => Array.from({ length: count }, (_, i) => record(from + i));
const idOf = (entry: (typeof emptyTail.entries)[number] | undefined) =>
  entry?.kind === "record" ? entry.record.id : entry?.kind;

describe("the tail", () => {
  it("has the newest first, and counts all that came", () => {
    const tail = addBatch(addBatch(emptyTail, records(0, 2), []), records(2, 2), []);
    expect(tail.entries.map(idOf)).toEqual(["id-3", "id-2", "id-1", "id-0"]);
    expect(tail.received).toBe(4);
  });

  it("puts what comes at once from several topics in the order of its times", () => {
    const at = (offset: number, ms: number, source: string) =>
      create(RecordSchema, {
        source,
        id: `${source}${offset}`,
        offset: BigInt(offset),
        ingestedAt: timestampFromMs(ms),
      });
    const tail = addBatch(emptyTail, [at(0, 10, "a"), at(1, 30, "a"), at(2, 30, "a"), at(0, 20, "b")], []);
    expect(tail.entries.map(idOf)).toEqual(["a2", "a1", "b0", "a0"]);
  });

  it("keeps so many and no more, however many come at once", () => {
    const tail = addBatch(addBatch(emptyTail, records(0, 300), []), records(300, 5000), []);
    expect(tail.entries.length).toBe(mostEntries);
    expect([idOf(tail.entries[0]), idOf(tail.entries.at(-1))]).toEqual(["id-5299", `id-${5300 - mostEntries}`]);
    expect(tail.received).toBe(5300);
  });

  it("stays the same object where nothing came, so that nothing is drawn", () => {
    expect(addBatch(emptyTail, [], [])).toBe(emptyTail);
  });

  it("shows gaps and times away where they were", () => {
    const gap = create(GapSchema, { source: "orders", fromOffset: 1n, toOffset: 5n, reason: GapReason.EXPIRED });
    const tail = addBatch(markAway(addBatch(emptyTail, [record(0)], []), 1000, 2000), [record(5)], [gap]);
    expect(tail.entries.map(idOf)).toEqual(["id-5", "gap", "away", "id-0"]);
  });

  it("gives every entry a key of its own", () => {
    const tail = markAway(markAway(addBatch(emptyTail, records(0, 50), []), 1, 2), 3, 4);
    expect(new Set(tail.entries.map(({ key }) => key)).size).toBe(52);
  });

  it("finds a text in ids and contents, and leaves the marks", () => {
    const tail = markAway(addBatch(emptyTail, [record(1, '{"name":"Zoë"}'), record(2), record(11)], []), 1, 2);
    expect(matching(tail.entries, "zoë").map(idOf)).toEqual(["away", "id-1"]);
    expect(matching(tail.entries, " ID-1 ").map(idOf)).toEqual(["away", "id-11", "id-1"]);
    expect(matching(tail.entries, "")).toBe(tail.entries);
  });

  it("catches up after a short interruption only", () => {
    expect([0, catchUpMs, catchUpMs + 1].map(canCatchUp)).toEqual([true, true, false]);
  });

  it("begins where it is told", () => {
    const now = Date.UTC(2026, 10, 24, 12, 0, 0);
    expect([sinceOf("latest", now), sinceOf("earliest", now)]).toEqual(["latest", "earliest"]);
    expect(sinceOf("15", now)).toBe("2026-11-24T11:45:00.000Z");
  });

  it("tells text from bytes", () => {
    expect(asText(new TextEncoder().encode("Zoë\n"))).toBe("Zoë\n");
    expect(asText(new Uint8Array([0xff, 0xfe]))).toBeUndefined();
    expect(asText(new Uint8Array([0x41, 0]))).toBeUndefined();
    const binary = create(RecordSchema, { payload: { case: "binary", value: new Uint8Array([0, 1, 2]) } });
    expect(textOf(binary)).toBe("3 bytes that are no text");
  });
});
