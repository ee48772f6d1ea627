import { describe, expect, it } from "@jest/globals";
import { contentHash, extractRecords, toEventTime } from "./json-records.js";
import { PollError } from "./poll-error.js";

const extract = (json: string, paths = {}) => extractRecords(Buffer.from(json), paths);

describe("taking an answer apart", () => {
  it("keeps ids that JavaScript would round apart", () => {
    const { records } = extract('[{"id":12345678901234567890},{"id":12345678901234567891},{"id":1.5},{"id":"x"}]');
    expect(records.map(({ id }) => id)).toEqual(["12345678901234567890", "12345678901234567891", "1.5", "x"]);
  });

  it("takes the content for the id where there is none and none is configured", () => {
    const { records } = extract('[{"a":1},[1,2],{"id":""},{"id":{}}]');
    expect(records.map(({ id, json }) => id === contentHash(json))).toEqual([true, true, true, true]);
  });

  it("finds ids and times by paths, and never what JavaScript adds", () => {
    const { records, deadLetters } = extract('[{"a":{"key":"k"},"t":1},{"a":{}},{"a":[]}]', {
      idPath: ["a", "key"],
      eventTimePath: ["t"],
    });
    expect(records).toMatchObject([{ id: "k", eventTime: "1970-01-01T00:00:01.000Z" }]);
    expect(deadLetters).toHaveLength(2);
    expect(extract('[{"a":1}]', { idPath: ["constructor"] }).deadLetters).toHaveLength(1);
    expect(extract('[{"a":[]}]', { idPath: ["a", "length"] }).deadLetters).toHaveLength(1);
  });

  it("finds the list by itself where only one can be meant", () => {
    expect(extract('{"type":"F","bbox":[1,2],"features":[{"id":1}]}').records).toHaveLength(1);
    expect(extract('{"items":[]}').records).toHaveLength(0);
    expect(extract('{"a":{"b":[{"id":1}]}}', { recordsPath: ["a", "b"] }).records).toHaveLength(1);
  });

  it.each([
    ["", /empty/],
    ["<html>log in</html>", /web page .*<html>log in/],
    ['{"a":', /not valid JSON/],
    ['{"a":[{}],"b":[{}]}', /several lists; set SOURCE_RECORDS .*"a", "b"/],
    ['{"a":1}', /without a list of records.*the answer has: a/],
    ["7", /a number without a list/],
  ])("says what is wrong with %s", (json, message) => {
    expect(() => extract(json)).toThrow(PollError);
    expect(() => extract(json)).toThrow(message);
  });

  it("says what is at the configured path instead of a list", () => {
    expect(() => extract('{"a":{}}', { recordsPath: ["a"] })).toThrow(/has an object, not a list, at "a"/);
    expect(() => extract('{"a":[]}', { recordsPath: ["b"] })).toThrow(/nothing at "b"; .*"a"/);
    expect(() => extractRecords(Buffer.from([0x5b, 0xff, 0x5d]), {})).toThrow(/not UTF-8/);
  });

  it("reads times as seconds, milliseconds or text, and leaves out what is none", () => {
    const time = "2017-07-14T02:40:00.000Z";
    expect([1.5e9, 1.5e12, time, "2017-07-14T04:40:00+02:00"].map(toEventTime)).toEqual([time, time, time, time]);
    expect([null, true, "soon", "1", Number.POSITIVE_INFINITY, 1e300, {}].map(toEventTime)).toEqual(
      Array.from({ length: 7 }, () => undefined),
    );
  });
});
