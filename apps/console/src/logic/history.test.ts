import { describe, expect, it } from "@jest/globals";
import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import {
  CountBucket,
  CountTime,
  RecordCountSchema,
  RecordOrder,
  Versions,
} from "@apispool/contracts/apispool/v1/record_store_pb.js";
import { countOf, emptyForm, filterOf, mostBars, queryOf, stretchName, stretches, urlQuery } from "./history.js";

const form = {
  ...emptyForm,
  source: "quakes",
  id: " a ",
  where: " mag > 5 ",
  from: "2026-11-01T00:00:00Z",
  to: "2026-11-02T00:00:00Z",
};

describe("what the form of the history asks for", () => {
  it("is nothing but all of it unless something is filled in", () => {
    expect(filterOf(emptyForm)).toEqual({ filter: { sources: [], ids: [], where: "", versions: Versions.ALL } });
  });

  it("is by the time that is meant", () => {
    const range = { from: timestampFromMs(Date.UTC(2026, 10, 1)), to: timestampFromMs(Date.UTC(2026, 10, 2)) };
    const common = { sources: ["quakes"], ids: ["a"], where: "mag > 5" };
    expect(filterOf(form)).toEqual({ filter: { ...common, versions: Versions.ALL, ingestedAt: range } });
    const event = { ...form, by: "event", order: "asc", newest: true, bucket: "hour" } as const;
    expect(filterOf(event)).toEqual({ filter: { ...common, versions: Versions.NEWEST, eventTime: range } });
    expect(queryOf(event, common, "c")).toMatchObject({ order: RecordOrder.EVENT_ASC, cursor: "c", limit: 50n });
    expect(countOf(event, common)).toMatchObject({ bucket: CountBucket.HOUR, time: CountTime.EVENT });
    expect(urlQuery(event)).toContainEqual(["event_from", "2026-11-01T00:00:00.000Z"]);
    expect(urlQuery(event)).toContainEqual(["order", "event"]);
  });

  it("is told to be wrong where it cannot be", () => {
    expect(filterOf({ ...form, from: "nonsense" })).toEqual({ problem: expect.stringContaining("a day and a time") });
    expect(filterOf({ ...form, to: form.from })).toEqual({ problem: expect.stringContaining("after the beginning") });
  });
});

describe("the bars", () => {
  const day = 86_400_000;
  const counted = (...days: number[]) =>
    days.map((n) => create(RecordCountSchema, { from: timestampFromMs(n * day), count: BigInt(n) }));

  it("have those without a record among them, and end with the last", () => {
    expect(stretches(counted(3, 6), "day").map(({ count }) => count)).toEqual([3, 0, 0, 6]);
    expect(stretches([], "day")).toEqual([]);
    const bars = stretches(counted(1, 1000), "day");
    expect([bars.length, bars.at(-1)?.count, bars[0]?.count]).toEqual([mostBars, 1000, 0]);
  });

  it("are named by their beginning, in UTC", () => {
    expect([stretchName(0, "day"), stretchName(3_600_000, "hour")]).toEqual(["1970-01-01", "1970-01-01 01:00"]);
  });
});
