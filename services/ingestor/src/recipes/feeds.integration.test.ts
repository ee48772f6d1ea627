import { createHash } from "node:crypto";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "@jest/globals";
import type { Answer, Asked } from "../testing/gated-api.js";
import { RecipeRun } from "../testing/recipe-run.js";

/** A feed with ETag and Last-Modified, as WordPress and GitHub serve theirs. */
class Feed {
  xml = "";
  readonly #type: string;

  constructor(type: string) {
    this.#type = type;
  }

  readonly answer = ({ headers: asked }: Asked): Answer => {
    const etag = `"${createHash("md5").update(this.xml).digest("hex")}"`;
    const headers = { "content-type": this.#type, etag, "last-modified": "Wed, 01 May 2024 12:00:00 GMT" };
    return asked["if-none-match"] === etag ? { status: 304, headers } : { headers, body: this.xml };
  };
}

describe("the recipes for feeds", () => {
  let run: RecipeRun;

  beforeAll(async () => {
    run = await RecipeRun.start(["rss-feed", "atom-feed"], (url) => ({
      FEED_URL: `${url}/news/feed/`,
      ATOM_FEED_URL: `${url}/nodejs/node/releases.atom`,
    }));
  });
  afterEach(async () => {
    await run.stop();
  });
  afterAll(async () => {
    await run?.close();
  });

  it("RSS: items by their guid, once; a feed built anew is no news, an edited item is", async () => {
    const item = (n: number, title: string): string => `
      <item>
        <title>${title}</title>
        <link>https://wordpress.org/news/2024/05/post-${n}/</link>
        <dc:creator><![CDATA[Someone]]></dc:creator>
        <pubDate>Wed, 01 May 2024 1${n}:00:00 +0000</pubDate>
        <category><![CDATA[Releases]]></category>
        <category><![CDATA[Security]]></category>
        <guid isPermaLink="false">https://wordpress.org/news/?p=1700${n}</guid>
        <description><![CDATA[<p>Less < more &amp; caf&#233;</p>]]></description>
      </item>`;
    const feed = (built: string, ...items: string[]): string =>
      `<?xml version="1.0" encoding="UTF-8"?><rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/">
       <channel><title>WordPress News</title><lastBuildDate>${built}</lastBuildDate>${items.join("")}</channel></rss>`;
    const served = new Feed("application/rss+xml; charset=UTF-8");
    // A feed with a single item is a list all the same.
    served.xml = feed("Wed, 01 May 2024 12:00:00 +0000", item(1, "Caf&#233; &amp; more"));
    run.api.serve(served);
    await run.start("rss-feed");
    await run.api.letThrough(2);
    const asked = run.api.taken();
    expect(asked.map(({ path }) => path)).toEqual(["/news/feed/", "/news/feed/"]);
    expect(asked.map(({ headers }) => [headers["if-none-match"] !== undefined, headers["if-modified-since"]])).toEqual([
      [false, undefined],
      [true, "Wed, 01 May 2024 12:00:00 GMT"],
    ]);
    expect(asked[0]?.headers.accept).toBe("application/rss+xml, application/xml;q=0.9");
    expect(await run.idsAndTimes("rss-feed")).toEqual([
      ["https://wordpress.org/news/?p=17001", "2024-05-01T11:00:00.000Z"],
    ]);
    expect(JSON.parse((await run.values("rss-feed"))[0] ?? "")).toEqual({
      title: "Café & more",
      link: "https://wordpress.org/news/2024/05/post-1/",
      "dc:creator": "Someone",
      pubDate: "Wed, 01 May 2024 11:00:00 +0000",
      category: ["Releases", "Security"],
      guid: { "#text": "https://wordpress.org/news/?p=17001", "@isPermaLink": "false" },
      description: "<p>Less < more &amp; caf&#233;</p>",
    });
    served.xml = feed("Wed, 01 May 2024 13:00:00 +0000", item(1, "Caf&#233; &amp; more"));
    await run.api.letThrough();
    served.xml = feed("Wed, 01 May 2024 14:00:00 +0000", item(2, "Second"), item(1, "Café and more"));
    await run.api.letThrough();
    expect((await run.idsAndTimes("rss-feed")).map(([id]) => id?.slice(-5))).toEqual(["17001", "17002", "17001"]);
    expect(await run.status("rss-feed")).toMatchObject({ notModified: 1n, recordsTotal: 3n, duplicatesDropped: 1n });
  });

  it("Atom: entries with what is wanted of them, attributes included; an empty feed is no error", async () => {
    const entry = (tag: string, title: string, updated: string): string => `
      <entry>
        <id>tag:github.com,2008:Repository/27193779/${tag}</id>
        <updated>${updated}</updated>
        <link rel="alternate" type="text/html" href="https://github.com/nodejs/node/releases/tag/${tag}"/>
        <title>${title}</title>
        <content type="html">&lt;p&gt;Notable &amp;amp; not&lt;/p&gt;</content>
        <author><name>someone</name></author>
        <media:thumbnail height="30" width="30" url="https://example.com/${Math.random()}"/>
      </entry>`;
    const feed = (...entries: string[]): string =>
      `<?xml version="1.0" encoding="UTF-8"?>
       <feed xmlns="http://www.w3.org/2005/Atom" xmlns:media="http://search.yahoo.com/mrss/" xml:lang="en-US">
       <id>tag:github.com,2008:https://github.com/nodejs/node/releases</id><title>Release notes</title>${entries.join("")}</feed>`;
    const served = new Feed("application/atom+xml; charset=utf-8");
    served.xml = feed();
    run.api.serve(served);
    await run.start("atom-feed");
    await run.api.letThrough();
    expect(await run.status("atom-feed")).toMatchObject({ lastError: "", recordsTotal: 0n });
    const first = entry("v24.1.0", "Version 24.1.0", "2024-05-01T12:00:00Z");
    const second = entry("v24.0.0", "Version 24.0.0", "2024-04-01T12:00:00+02:00");
    served.xml = feed(first, second);
    await run.api.letThrough(2);
    const id = "tag:github.com,2008:Repository/27193779/v24";
    const record = (version: string, title: string, updated: string): string =>
      JSON.stringify({
        id: `${id}.${version}`,
        title,
        updated,
        author: "someone",
        link: `https://github.com/nodejs/node/releases/tag/v24.${version}`,
      });
    const records = [
      record("1.0", "Version 24.1.0", "2024-05-01T12:00:00Z"),
      record("0.0", "Version 24.0.0", "2024-04-01T12:00:00+02:00"),
    ];
    expect(await run.values("atom-feed")).toEqual(records);
    expect(await run.idsAndTimes("atom-feed")).toEqual([
      [`${id}.1.0`, "2024-05-01T12:00:00.000Z"],
      [`${id}.0.0`, "2024-04-01T10:00:00.000Z"],
    ]);
    // What was cut away changes; and then what was kept.
    served.xml = feed(entry("v24.1.0", "Version 24.1.0", "2024-05-01T12:00:00Z"), second);
    await run.api.letThrough();
    expect(await run.status("atom-feed")).toMatchObject({ recordsTotal: 2n, notModified: 1n });
    served.xml = feed(entry("v24.1.0", "Version 24.1.0 (LTS)", "2024-05-02T12:00:00Z"), second);
    await run.api.letThrough();
    expect((await run.values("atom-feed")).slice(2)).toEqual([
      record("1.0", "Version 24.1.0 (LTS)", "2024-05-02T12:00:00Z"),
    ]);
  });
});
