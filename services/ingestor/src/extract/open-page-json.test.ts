import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { FakeApi } from "../testing/fake-api.js";
import { expression, path } from "../testing/expressions.js";
import { answer, extractConfig, readAll, type WholePage } from "../testing/pages.js";
import type { ExtractConfig } from "../config/source-config.js";
import { createExtractor } from "./open-page.js";
import { Readable } from "node:stream";

const read = async (
  body: string | Buffer,
  changes: Partial<ExtractConfig> = {},
  headers: Record<string, string> = {},
): Promise<WholePage> => readAll(await createExtractor(extractConfig(changes))(answer(body, headers)));

const BIG = '{"id":12345678901234567890, "n":1.10,"t":"\\u00e9 ü"}';

describe("a JSON page", () => {
  it("gives its elements byte for byte: digits, escapes, spaces, order of keys", async () => {
    const elements = [BIG, '{ "b": 1e400 ,"a":-0.0, "id" : "x" }', '{"id":"y","":[ ]}'];
    for (const [body, records] of [
      [`[${elements.join(" ,\n")}]`, undefined],
      [`{"data": {"items":[${elements.join(",")}]}}`, path("data.items")],
      [`{"bbox":[1,2],"features":[${elements.join(",")}]}`, undefined],
      [`\uFEFF[${elements.join(",")}]`, undefined],
    ] as const) {
      const { texts, records: found } = await read(body, { records });
      expect(texts).toEqual(elements);
      expect(found.map(({ id }) => id)).toEqual(["12345678901234567890", "x", "y"]);
    }
  });

  it("gives the document's own bytes for what an expression finds in it, and every digit of what it makes", async () => {
    const body = `{"a":[${BIG},{"id":2}],"b":[{"id":  3}]}`;
    type Doc = Record<"a" | "b", { id: number }[]>;
    const found = await read(body, { records: expression("[b, a][]", ({ a, b }: Doc) => [...b, ...a]) });
    expect(found.texts).toEqual(['{"id":  3}', BIG, '{"id":2}']);
    const made = await read(body, {
      records: expression("a[].{id: id}", ({ a }: Doc) => a.map(({ id }) => ({ id }))),
    });
    expect(made.texts).toEqual(['{"id":12345678901234567890}', '{"id":2}']);
    expect(made.records[0]?.id).toBe("12345678901234567890");
  });

  it("never changes an element, whatever the JSON is", async () => {
    const json = fc.oneof(
      fc.json({ maxDepth: 3 }),
      fc.bigInt().map(String),
      fc.tuple(fc.bigInt(), fc.nat()).map(([whole, part]) => `${whole}.${part}0e-7`),
      fc.string({ unit: "grapheme" }).map((text) => JSON.stringify(text).replaceAll("é", "\\u00e9")),
    );
    const space = fc.constantFrom("", " ", "\n\t", "\r\n");
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(json, json, space)), async (parts) => {
        const elements = parts.map(([a, b, s]) => `{${s}"a":${a}${s},"b" :${s}${b}}`);
        const body = `{"next":null,"list":[${elements.map((text, i) => `${parts[i]?.[2]}${text}`).join(",")}]}`;
        expect((await read(body, { records: path("list") })).texts).toEqual(elements);
        const whole = await read(body, { records: expression("list[]", ({ list }: { list: unknown[] }) => list) });
        expect(whole.texts).toEqual(elements);
        // Ids that differ only in digits that a double does not hold stay different.
        const ids = (await read(`[${parts.map(([a]) => `{"id":${a}}`).join(",")}]`)).records.map(({ id }) => id);
        const numbers = parts.flatMap(([a]) => (/^-?\d+$/.test(a) ? [a] : []));
        expect(ids).toEqual(expect.arrayContaining(numbers.map((text) => (text === "-0" ? "0" : text))));
      }),
      { numRuns: 200 },
    );
  });

  it("is one record where the expression finds an object, and none where it finds null", async () => {
    expect((await read('{"id":7}', { records: path("@") })).texts).toEqual(['{"id":7}']);
    expect((await read('{"data":{"id":7}}', { records: path("data") })).texts).toEqual(['{"id":7}']);
    expect((await read('{"data":null}', { records: path("data") })).texts).toEqual([]);
  });

  it("is empty where there is nothing in it: no body, 204, an empty list", async () => {
    for (const response of [answer(""), answer(" \n"), answer("", {}, 204), answer("[]"), answer('{"items":[]}')]) {
      const page = await createExtractor(extractConfig())(response);
      expect((await readAll(page)).batches).toEqual([]);
      expect(page.hash()).toMatch(/^[0-9a-f]{32}$/);
    }
  });

  it("puts into the dead letters what cannot be a record, and goes on", async () => {
    const { records, deadLetters } = await read('[{"k":{"v":1}},3,{"k":{"v":null}},{"k":{"v":true}},{"k":{"v":"é"}}]', {
      id: [path("k.v")],
    });
    expect(records.map(({ id }) => id)).toEqual(["1", "é"]);
    expect(deadLetters.map(({ place, reason, raw }) => [place, reason, raw.toString()])).toEqual([
      ["index 1", 'it has no id at "k.v"', "3"],
      ["index 2", 'it has no id at "k.v"', '{"k":{"v":null}}'],
      ["index 3", 'its id at "k.v" is a boolean; a text or a number is allowed', '{"k":{"v":true}}'],
    ]);
    const large = await read(`[{"id":1,"x":"${"x".repeat(1000)}"},{"id":2}]`, { maxRecordBytes: 1000 });
    expect(large.deadLetters[0]?.reason).toBe("it has 1015 bytes; 1000 are allowed");
    expect(large.texts).toEqual(['{"id":2}']);
    expect((await read("[1]")).deadLetters[0]?.reason).toBe("it is a number, not an object");
  });

  it.each([
    ["<!DOCTYPE html><html><body>Sign in</body></html>", "text/html", /web page, not JSON \(is it a login page/],
    ["\n<html lang=en>", "application/json", /is it a login page/],
    ['{"items":[{"id":1},{"i', "application/json", /not valid JSON \(was it cut off\?\); it begins with: \{"items"/],
    ['{"error":"no"}', "application/json", /an object without a list of records; it says: "no"/],
    ['{"a":[{}],"b":[{}]}', "application/json", /several lists; set records.*"a", "b"/],
    ['<?xml version="1.0"?><a/>', "text/xml", /set format: xml/],
  ])("of %s is refused in words", async (body, contentType, words) => {
    const opened = read(body, {}, { "content-type": contentType });
    await expect(opened).rejects.toMatchObject({
      name: "PollError",
      kind: "malformed",
      message: expect.stringMatching(words),
    });
  });

  it("says what is missing where the records should be", async () => {
    await expect(read('{"data":{"rows":[]}}', { records: path("data.items") })).rejects.toThrow(
      'the answer has nothing at "data.items"',
    );
    await expect(read('{"data":"x"}', { records: path("data") })).rejects.toThrow(
      'has a string, not a list, at "data"',
    );
  });

  it("quotes errors instead of taking them for records, unless they were asked for", async () => {
    const errors = '[{"message":"Field \'x\' does not exist","locations":[]}]';
    await expect(read(`{"data":null,"errors":${errors}}`)).rejects.toThrow(/it says: "Field 'x' does not exist"/);
    await expect(read(`{"data":{"a":1},"errors":${errors}}`)).rejects.toThrow(/it says: "Field 'x' does not exist"/);
    await expect(read('{"errors":[{"id":7}]}')).rejects.toThrow(/the one with the records: "errors"/);
    expect((await read('{"errors":[{"id":7}]}', { records: path("errors") })).texts).toEqual(['{"id":7}']);
    expect((await read('{"items":[{"id":7}],"errors":[]}')).texts).toEqual(['{"id":7}']);
  });

  it.each([
    ['{"data":{"x":null},"errors":[{"message":"Not\\nyours"}]}', 'it says: "Not yours"'],
    ['{"ok":false,"error":"invalid_auth"}', 'it says: "invalid_auth"'],
    ['{"message":"gone"}', 'it says: "gone"'],
  ])("repeats what the API says where %s comes with a status of success", async (body, words) => {
    await expect(read(body, { records: path("data.x.items") })).rejects.toThrow(words);
  });

  it("reads other charsets: named by the API, by a mark, by the configuration", async () => {
    const text = '[{"id":"é"}]';
    const latin = Buffer.from(text, "latin1");
    const utf16 = Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(text, "utf16le")]);
    expect((await read(latin, {}, { "content-type": "application/json; charset=ISO-8859-1" })).texts).toEqual([
      '{"id":"é"}',
    ]);
    expect((await read(utf16)).texts).toEqual(['{"id":"é"}']);
    expect((await read(latin, { charset: "windows-1252" })).texts).toEqual(['{"id":"é"}']);
    // Sent as ISO-8859-1 by a server that does not mean it.
    expect((await read(text, {}, { "content-type": "application/json; charset=iso-8859-1" })).texts).toEqual([
      '{"id":"é"}',
    ]);
    await expect(read(latin)).rejects.toThrow("not UTF-8 text; if it is meant to be in another charset, set charset");
    await expect(read(latin, {}, { "content-type": "x; charset=martian" })).rejects.toThrow(
      'names the charset "martian"',
    );
    await expect(read(latin, { charset: "shift_jis" })).rejects.toThrow("not shift_jis text");
  });

  it("is handed out in batches of 1,000 items or 1 MB", async () => {
    const many = await read(JSON.stringify(Array.from({ length: 2500 }, (_, id) => ({ id }))));
    expect(many.batches.map(({ itemsDone }) => itemsDone)).toEqual([1000, 2000, 2500]);
    const large = await read(JSON.stringify(Array.from({ length: 5 }, (_, id) => ({ id, x: "x".repeat(400_000) }))));
    expect(large.batches.map(({ records }) => records.length)).toEqual([2, 2, 1]);
  });

  it("fails with the body's own error where it breaks off, and lets go of it", async () => {
    const body = Readable.from(
      (function* () {
        yield Buffer.from('[{"id":1},');
        throw new Error("reset");
      })(),
      { objectMode: false },
    );
    await expect(createExtractor(extractConfig())({ ...answer(""), body })).rejects.toThrow("reset");
    expect(body.destroyed).toBe(true);
  });

  it("comes from a real server", async () => {
    await using api = await FakeApi.start();
    api.answerJson(`{"features":[${BIG}]}`);
    const response = await fetch(api.url);
    if (response.body === null) throw new Error("no body");
    const page = await createExtractor(extractConfig())({
      ...answer(""),
      headers: Object.fromEntries(response.headers),
      body: Readable.fromWeb(response.body),
    });
    expect((await readAll(page)).texts).toEqual([BIG]);
    expect(page.document()).toHaveProperty("features");
  });
});
