import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import type { ExtractConfig } from "../config/source-config.js";
import { path } from "../testing/expressions.js";
import { answer, cutAt, extractConfig, readAll, type WholePage } from "../testing/pages.js";
import { createExtractor } from "./open-page.js";

const read = async (
  body: Parameters<typeof answer>[0],
  changes: Partial<ExtractConfig>,
  headers: Record<string, string> = {},
): Promise<WholePage> => readAll(await createExtractor(extractConfig(changes))(answer(body, headers)));

const dead = ({ deadLetters }: WholePage): [place: string, raw: string, reason: string][] =>
  deadLetters.map(({ place, raw, reason }) => [place, raw.toString("latin1"), reason]);

describe("an NDJSON page", () => {
  const ndjson = (body: Parameters<typeof answer>[0], changes: Partial<ExtractConfig> = {}): Promise<WholePage> =>
    read(body, { format: "ndjson", ...changes });

  it("gives every line byte for byte; blank lines, CRLF, a mark and a missing last newline are no matter", async () => {
    const lines = ['{"id":12345678901234567890,"x":1.0}', '{ "id" : "\\u00e9" }', '{"id":3}'];
    const { texts, records } = await ndjson(`\uFEFF${lines[0]}\r\n\n  \n${lines[1]} \n${lines[2]}`);
    expect(texts).toEqual(lines);
    expect(records.map(({ id }) => id)).toEqual(["12345678901234567890", "é", "3"]);
  });

  it("puts bad lines into the dead letters, with their bytes and their number, and goes on", async () => {
    const body = Buffer.concat([
      Buffer.from('{"id":1}\n{"id":\n\n'),
      Buffer.from('{"id":"\xe9"}\n', "latin1"),
      Buffer.from('7\n{"id":2}\n{"id":3'),
    ]);
    const page = await ndjson(body);
    expect(page.texts).toEqual(['{"id":1}', '{"id":2}']);
    expect(dead(page)).toEqual([
      ["line 2", '{"id":', expect.stringContaining("not valid JSON")],
      ["line 4", '{"id":"\xe9"}', expect.stringContaining("not UTF-8")],
      ["line 5", "7", "it is a number, not an object"],
      ["line 7", '{"id":3', expect.stringContaining("not valid JSON")],
    ]);
  });

  it("cuts a line that is too long, at whatever place it is cut up, and goes on behind it", async () => {
    const long = `{"id":"${"x".repeat(200_000)}"}`;
    const body = Buffer.from(`{"id":1}\n${long}\n{"id":2}\n`);
    const pages = await Promise.all(
      [[], [12], [100, 90_000], [150_000, 200_018, 200_019]].map((places) =>
        ndjson(cutAt(body, places), { maxRecordBytes: 100_000 }),
      ),
    );
    for (const page of pages) {
      expect(page.texts).toEqual(['{"id":1}', '{"id":2}']);
      expect(dead(page)).toEqual([
        ["line 2", long.slice(0, 65_536), `it has ${long.length} bytes; 100000 are allowed`],
      ]);
      expect(page.deadLetters).toEqual(pages[0]?.deadLetters);
    }
  });

  it("is put into UTF-8 where it is sent in another charset", async () => {
    const body = Buffer.from('{"id":"é"}\n{"id":"ü"}\n', "utf16le");
    const page = await read(cutAt(body, [3, 9, 20]), { format: "ndjson", charset: "utf-16le" });
    expect(page.texts).toEqual(['{"id":"é"}', '{"id":"ü"}']);
  });

  it("is the same wherever the network cuts it", async () => {
    const line = fc.oneof(
      fc.json().map((value) => `{"id":${value}}`),
      fc.string({ unit: "grapheme" }),
      fc.constant(""),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(line),
        fc.constantFrom("\n", "\r\n"),
        fc.array(fc.nat()),
        async (lines, end, places) => {
          const body = Buffer.from(lines.join(end));
          expect(await ndjson(cutAt(body, places))).toEqual(await ndjson(body));
        },
      ),
    );
  });

  it("that is a login page is refused", async () => {
    await expect(ndjson("<!doctype html><title>Sign in</title>")).rejects.toThrow("is it a login page");
  });
});

describe("a CSV page", () => {
  const csv = (body: Parameters<typeof answer>[0], changes: Partial<ExtractConfig> = {}): Promise<WholePage> =>
    read(body, { format: "csv", ...changes });

  it("gives rows as objects of texts, in the order of the header", async () => {
    const { texts, records } = await csv(
      '\uFEFFid,2024,"a ""b""", 7 \r\n007,1.10,"x, y","two\r\nlines"\r\n\r\n8,,"","q""q"',
    );
    expect(texts).toEqual([
      '{"id":"007","2024":"1.10","a \\"b\\"":"x, y","7":"two\\r\\nlines"}',
      '{"id":"8","2024":"","a \\"b\\"":"","7":"q\\"q"}',
    ]);
    expect(records.map(({ id }) => id)).toEqual(["007", "8"]);
  });

  it("takes names and delimiters from the configuration, and makes names where there are none", async () => {
    const columns = ["id", "v"];
    expect((await csv("1;2\n", { csv: { delimiter: ";", header: false, columns } })).texts).toEqual([
      '{"id":"1","v":"2"}',
    ]);
    expect((await csv("a\tb\n1\t2", { csv: { delimiter: "\t", header: true, columns } })).texts).toEqual([
      '{"id":"1","v":"2"}',
    ]);
    expect((await csv("1,2\n", { csv: { delimiter: ",", header: false, columns: undefined } })).texts).toEqual([
      '{"column_1":"1","column_2":"2"}',
    ]);
    expect((await csv("a,,a,__proto__\n1,2,3,4\n")).texts).toEqual([
      '{"a":"1","column_2":"2","a_2":"3","__proto__":"4"}',
    ]);
  });

  it("puts bad rows into the dead letters, with their bytes and their line, and goes on", async () => {
    const body = Buffer.concat([
      Buffer.from('id,v\n1,a\n2,"b"x\n3\n4,"two\nlines"\n\n5,a,b\n6,a"b\n'),
      Buffer.from("7,\xe9\n", "latin1"),
      Buffer.from("8,z\n"),
    ]);
    const page = await csv(body);
    expect(page.texts).toEqual(['{"id":"1","v":"a"}', '{"id":"4","v":"two\\nlines"}', '{"id":"8","v":"z"}']);
    expect(dead(page)).toEqual([
      ["line 3", '2,"b"x', expect.stringContaining("Invalid Closing Quote")],
      ["line 4", "3", "it has 1 columns where the header has 2"],
      ["line 8", "5,a,b", "it has 3 columns where the header has 2"],
      ["line 9", '6,a"b', expect.stringContaining("Invalid Opening Quote")],
      ["line 10", "7,\xe9", expect.stringContaining("not UTF-8")],
    ]);
  });

  it("loses one line, not the rest, to a quote that is never closed", async () => {
    const rows = Array.from({ length: 500 }, (_, i) => `${i},v`);
    rows[100] = '100,"v';
    const body = Buffer.from(`id,v\n${rows.join("\n")}\n`);
    for (const places of [[], [900], [10, 20, 3000]]) {
      const page = await csv(cutAt(body, places), { maxRecordBytes: 1000 });
      expect(page.records).toHaveLength(499);
      expect(dead(page)).toEqual([["line 102", '100,"v', expect.stringMatching(/Max Record Size|Quote/)]]);
    }
  });

  it("cuts a row that is too long, and goes on behind it", async () => {
    const body = Buffer.from(`id,v\n1,a\n2,${"x".repeat(200_000)}\n3,c`);
    for (const places of [[], [11, 50_000, 150_000], [200_010]]) {
      const page = await csv(cutAt(body, places), { maxRecordBytes: 100_000 });
      expect(page.records.map(({ id }) => id)).toEqual(["1", "3"]);
      expect(page.deadLetters.map(({ place, raw, reason }) => [place, raw.length, reason])).toEqual([
        ["line 3", 65_536, "it has 200002 bytes; 100000 are allowed"],
      ]);
    }
  });

  it("is the same wherever the network cuts it", async () => {
    const cell = fc.oneof(
      fc.constantFrom("", "1", '"', '""', '"a"', '"a,b"', '"a\nb"', 'a"', "\r", "é", "x\ny"),
      fc.string({ unit: "grapheme", maxLength: 5 }),
    );
    const row = fc.array(cell, { minLength: 2, maxLength: 3 }).map((cells) => cells.join(","));
    const end = fc.constantFrom("\n", "\r\n");
    const places = fc.array(fc.nat(), { maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(fc.array(row, { maxLength: 12 }), end, places, async (rows, newline, cuts) => {
        const body = Buffer.from(["id,v", ...rows].join(newline));
        const whole = await csv(body);
        expect(await csv(cutAt(body, cuts))).toEqual(whole);
        expect(await csv([...body].map((byte) => Buffer.from([byte])))).toEqual(whole);
      }),
      { numRuns: 100 },
    );
  });

  it.each([
    ["<html><body>Sign in", "text/html", "is it a login page"],
    ['{"error":"no"}', "application/json", "the answer is JSON, not CSV"],
    ['"id,v\n1,2', "text/csv", "the header on line 1 cannot be read"],
  ])("that is %s is refused", async (body, contentType, words) => {
    await expect(read(body, { format: "csv" }, { "content-type": contentType })).rejects.toThrow(words);
  });

  it("has its charset from the Content-Type", async () => {
    const body = Buffer.from("id\n\xe9\n", "latin1");
    const page = await read(body, { format: "csv", id: [path("id")] }, { "content-type": "text/csv; charset=latin1" });
    expect(page.texts).toEqual(['{"id":"é"}']);
  });
});
