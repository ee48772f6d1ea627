import { describe, expect, it } from "@jest/globals";
import type { ExtractConfig } from "../config/source-config.js";
import { path } from "../testing/expressions.js";
import { answer, extractConfig, readAll, type WholePage } from "../testing/pages.js";
import { createExtractor } from "./open-page.js";

const read = async (body: string | Buffer, changes: Partial<ExtractConfig> = {}): Promise<WholePage> =>
  readAll(await createExtractor(extractConfig({ format: "xml", ...changes }))(answer(body)));

const RSS = `<?xml version="1.0"?>
<rss version="2.0"><channel><title>News</title>
<item><guid isPermaLink="false">a&amp;1</guid><title><![CDATA[<b> & é]]></title><pubDate>Mon, 06 Sep 2021 00:01:00 +0200</pubDate></item>
<item><guid>007</guid><title>caf&#233; &lt;3</title></item></channel></rss>`;

describe("an XML page", () => {
  it("of RSS has its items, attributes as @name and text as #text, dates and ids understood", async () => {
    const { texts, records } = await read(RSS, { eventTime: path("pubDate") });
    expect(texts).toEqual([
      '{"guid":{"#text":"a&1","@isPermaLink":"false"},"title":"<b> & é","pubDate":"Mon, 06 Sep 2021 00:01:00 +0200"}',
      '{"guid":"007","title":"café <3"}',
    ]);
    expect(records.map(({ id, eventTime }) => [id, eventTime])).toEqual([
      ["a&1", "2021-09-05T22:01:00.000Z"],
      ["007", undefined],
    ]);
  });

  it("of Atom and RSS 1.0 has its entries, be it one or none", async () => {
    const atom = (entries: string): string => `<feed xmlns="http://www.w3.org/2005/Atom"><id>f</id>${entries}</feed>`;
    expect((await read(atom("<entry><id>1</id></entry>"))).texts).toEqual(['{"id":"1"}']);
    expect((await read(atom("<entry><id>1</id></entry><entry><id>2</id></entry>"))).texts).toHaveLength(2);
    expect((await read(atom(""))).texts).toEqual([]);
    expect((await read("<rss><channel><title>empty</title></channel></rss>")).texts).toEqual([]);
    expect((await read("<rdf:RDF><channel/><item><id>1</id></item></rdf:RDF>")).texts).toEqual(['{"id":"1"}']);
  });

  it("keeps every digit of its numbers", async () => {
    expect((await read('<r><i n="0012">12345678901234567890</i><i>1.10</i></r>')).texts).toEqual([
      '{"#text":"12345678901234567890","@n":"0012"}',
      '{"#text":"1.10"}',
    ]);
  });

  it("has its records where the expression says, a list, one or none", async () => {
    const records = path("answer.rows.row");
    expect(
      (await read("<answer><rows><row><id>1</id></row><row><id>2</id></row></rows></answer>", { records })).texts,
    ).toHaveLength(2);
    expect((await read("<answer><rows><row><id>1</id></row></rows></answer>", { records })).texts).toEqual([
      '{"id":"1"}',
    ]);
    expect((await read("<answer><rows/></answer>", { records })).texts).toEqual([]);
    await expect(read("<error><code>7</code></error>", { records })).rejects.toThrow(
      'has nothing at "answer.rows.row"; it is: error',
    );
    await expect(read("<a><b/><c/></a>")).rejects.toThrow('set records to the elements: "a.b", "a.c"');
  });

  it("refuses entities that a document defines, and ignores a mere reference to a DTD", async () => {
    const laughs = `<?xml version="1.0"?><!-- x --><!DOCTYPE r [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]><r><i>&b;</i></r>`;
    await expect(read(laughs)).rejects.toThrow("defines entities of its own");
    await expect(read('<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><r>&x;</r>')).rejects.toThrow(
      "entities of its own",
    );
    const rss =
      '<!DOCTYPE rss PUBLIC "-//Netscape//DTD RSS 0.91//EN" "http://n/rss.dtd"><rss><channel><item><id>1</id></item></channel></rss>';
    expect((await read(rss)).texts).toEqual(['{"id":"1"}']);
    expect((await read("<r><i>&unknown;</i></r>")).texts).toEqual(['{"#text":"&unknown;"}']);
  });

  it.each([
    ["<rss><channel><item><guid>1</gu", "not valid XML"],
    ["<rss><channel></rss>", "not valid XML"],
    ["hello", "not valid XML"],
    [`${"<a>".repeat(500)}${"</a>".repeat(500)}`, "not valid XML"],
    ["<r><__proto__><x>1</x></__proto__></r>", "not valid XML"],
    ['<!DOCTYPE html><html xmlns="http://www.w3.org/1999/xhtml"></html>', "is it a login page"],
    ['<?xml version="1.0"?>\n<!DOCTYPE html PUBLIC "x"><html></html>', "is it a login page"],
  ])("of %s is refused in words", async (body, words) => {
    await expect(read(body)).rejects.toMatchObject({ name: "PollError", message: expect.stringContaining(words) });
  });

  it("has its charset from its declaration", async () => {
    const body = Buffer.from('<?xml version="1.0" encoding="ISO-8859-1"?><r><i>\xe9</i></r>', "latin1");
    expect((await read(body)).texts).toEqual(['{"#text":"é"}']);
  });
});
