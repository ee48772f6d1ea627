import { create } from "@bufbuild/protobuf";
import { PositionSchema } from "@apispool/contracts/apispool/v1/data_reader_pb.js";
import { describe, expect, it } from "@jest/globals";
import { parseRoute, routeHash } from "./route.js";
import { type SeekForm, localTime, seekRequest } from "./seek-form.js";

const positions = [
  create(PositionSchema, { source: "orders", partition: 0, offset: 10n }),
  create(PositionSchema, { source: "orders", partition: 1, offset: 20n }),
];
const form = (init: Partial<SeekForm>): SeekForm => ({ target: "earliest", time: "", offsets: {}, ...init });

describe("the seek dialog", () => {
  it("asks for what is chosen", () => {
    expect(seekRequest("me", positions, form({}))).toEqual({
      request: { reader: "me", to: { case: "earliest", value: {} } },
    });
    expect(seekRequest("me", positions, form({ target: "latest" }))).toMatchObject({
      request: { to: { case: "latest" } },
    });
  });

  it("takes a time in the person's time zone", () => {
    const ms = Date.UTC(2026, 10, 24, 12, 0, 5);
    const asked = seekRequest("me", positions, form({ target: "time", time: localTime(ms) }));
    expect(asked).toMatchObject({
      request: { to: { case: "timestamp", value: { seconds: BigInt(ms / 1000), nanos: 0 } } },
    });
    expect(seekRequest("me", positions, form({ target: "time", time: "" }))).toEqual({
      problem: "Choose a day and a time.",
    });
  });

  it("moves only the partitions whose offset was changed", () => {
    const offsets = { "orders/0": "10", "orders/1": " 5 " };
    expect(seekRequest("me", positions, form({ target: "offsets", offsets }))).toEqual({
      request: {
        reader: "me",
        to: { case: "offsets", value: { positions: [{ source: "orders", partition: 1, offset: 5n }] } },
      },
    });
  });

  it.each([["-1"], ["1.5"], ["x"], [""], ["9999999999999999999"]])("refuses the offset %p", (text) => {
    const asked = seekRequest(
      "me",
      positions,
      form({ target: "offsets", offsets: { "orders/0": text, "orders/1": "20" } }),
    );
    expect(asked).toEqual({ problem: expect.stringContaining("orders, partition 0") });
  });

  it("says so where nothing would move", () => {
    const offsets = { "orders/0": "10", "orders/1": "20" };
    expect(seekRequest("me", positions, form({ target: "offsets", offsets }))).toEqual({
      problem: expect.stringContaining("already"),
    });
  });
});

describe("the address", () => {
  it.each([
    ["", "sources", ""],
    ["#/records?source=a%26b", "records", "a&b"],
    ["#/dead-letters", "dead-letters", ""],
    ["#/nothing", "sources", ""],
  ])("%p is the view %p of %p", (hash, view, source) => expect(parseRoute(hash)).toEqual({ view, source }));

  it("says what it is told", () => {
    expect(parseRoute(routeHash({ view: "records", source: "a&b c" }))).toEqual({ view: "records", source: "a&b c" });
  });
});
