import { afterAll, afterEach, beforeAll, describe, expect, it } from "@jest/globals";
import type { Answer } from "../testing/gated-api.js";
import { eventually } from "../testing/harness.js";
import { RecipeRun } from "../testing/recipe-run.js";

const day = 1_735_700_000;

describe("the recipes for Hacker News", () => {
  let run: RecipeRun;

  beforeAll(async () => {
    run = await RecipeRun.start(["hacker-news", "hacker-news-search"], (url) => ({
      HN_API: url,
      HN_SEARCH_API: url,
      HN_SINCE: String(day),
    }));
  });
  afterEach(async () => {
    await run.stop();
  });
  afterAll(async () => {
    await run?.close();
  });

  it("ids, and for each new one the story, asked for once; one that is not there yet is tried again", async () => {
    const list = "/v0/newstories.json";
    let ids = [42_003, 42_002, 42_001];
    const hidden = new Map([[42_002, 2]]);
    const story = (id: number): string =>
      `{"by":"someone","descendants":0,"id":${id},"kids":[${id}1,${id}2],"score":1,"time":1714564800,"title":"Story ${id}","type":"story","url":"https://example.com/${id}"}`;
    const headers = { "content-type": "application/json; charset=utf-8", "cache-control": "no-cache" };
    run.api.serve({
      begins: ({ path }) => path === list,
      answer: ({ path }): Answer => {
        if (path === list) return { headers, body: JSON.stringify(ids) };
        const id = Number(/^\/v0\/item\/(\d+)\.json$/.exec(path)?.[1]);
        const left = hidden.get(id) ?? 0;
        hidden.set(id, left - 1);
        // What Firebase answers for what it does not have.
        return { headers, body: left > 0 ? "null" : story(id) };
      },
    });
    await run.start("hn-ids", "hn-stories");
    await run.api.letThrough(2);
    expect(await run.values("hn-ids")).toEqual(['{"id":42003}', '{"id":42002}', '{"id":42001}']);
    expect((await run.idsAndTimes("hn-ids")).map(([id]) => id)).toEqual(["42003", "42002", "42001"]);
    await eventually(async () => expect(await run.values("hn-stories")).toEqual([42_003, 42_002, 42_001].map(story)));
    expect((await run.idsAndTimes("hn-stories"))[0]).toEqual(["42003", "2024-05-01T12:00:00.000Z"]);
    const items = (): string[] =>
      run.api.taken().flatMap(({ path }) => (path === list ? [] : [path.replace(/\D+0\D+|\.json/g, "")]));
    expect(items()).toEqual(["42003", "42002", "42002", "42002", "42001"]);

    ids = [42_004, 42_003, 42_002];
    await run.api.letThrough(2);
    await eventually(async () => expect(await run.values("hn-stories")).toHaveLength(4));
    expect(items()).toEqual(["42004"]);
    expect(await run.deadLetters("hn-stories")).toEqual([]);

    // One that never comes is put aside, with the reason, and those behind it come all the same.
    hidden.set(42_005, 1_000_000);
    ids = [42_005, 42_006, 42_004];
    await run.api.letThrough();
    await eventually(async () => expect((await run.values("hn-stories")).at(-1)).toBe(story(42_006)));
    expect(await run.deadLetters("hn-stories")).toEqual([
      expect.stringMatching(/^\{"id":42005\}: after 5 tries: the answer has nothing at "@"/),
    ]);
    await eventually(async () => {
      expect(await run.status("hn-stories")).toMatchObject({ lastError: "", recordsTotal: 5n, deadLettered: 1n });
    });
  });

  it("search: numbered pages from 0, begun where the newest was less two hours; new points as a new version", async () => {
    const hit = (id: number, at: number, points = 1) => ({
      objectID: String(id),
      title: `Story ${id}`,
      url: null,
      author: "someone",
      points,
      num_comments: 0,
      created_at_i: at,
      created_at: new Date(at * 1000).toISOString(),
      _tags: ["story"],
      _highlightResult: { title: { value: `Story ${id} ${Math.random()}` } },
    });
    let hits = Array.from({ length: 150 }, (_, i) => hit(1000 - i, day + 100_000 - i * 60));
    run.api.serve({
      begins: ({ query }) => query.get("page") === "0",
      answer: ({ path, query }): Answer => {
        if (!path.startsWith("/api/v1/search_by_date?")) return { status: 404 };
        const since = Number(/^created_at_i>=(\d+)$/.exec(query.get("numericFilters") ?? "")?.[1]);
        const found = hits.filter(({ created_at_i }) => created_at_i >= since);
        const [page, hitsPerPage] = [Number(query.get("page")), Number(query.get("hitsPerPage"))];
        const nbPages = Math.ceil(found.length / hitsPerPage);
        const shown = found.slice(page * hitsPerPage, (page + 1) * hitsPerPage);
        return {
          headers: { "content-type": "application/json; charset=utf-8" },
          body: JSON.stringify({ hits: shown, nbHits: found.length, page, nbPages, hitsPerPage, exhaustive: {} }),
        };
      },
    });
    await run.start("hn-search");
    await run.api.letThrough();
    expect(run.api.taken().map(({ query }) => Object.fromEntries(query))).toEqual([
      { tags: "story", numericFilters: `created_at_i>=${day}`, page: "0", hitsPerPage: "100" },
      { tags: "story", numericFilters: `created_at_i>=${day}`, page: "1", hitsPerPage: "100" },
    ]);
    const written = await run.values("hn-search");
    expect(written).toHaveLength(150);
    expect(JSON.parse(written[0] ?? "")).toEqual({
      id: "1000",
      title: "Story 1000",
      url: null,
      author: "someone",
      points: 1,
      comments: 0,
      at: day + 100_000,
    });

    // The highlights differ every time, but are cut away: nothing is new.
    hits = hits.map(({ objectID, created_at_i }) => hit(Number(objectID), created_at_i));
    await run.api.letThrough();
    expect(run.api.taken().map(({ query }) => query.get("numericFilters"))).toEqual([
      `created_at_i>=${day + 100_000 - 7200}`,
      `created_at_i>=${day + 100_000 - 7200}`,
    ]);
    expect(await run.status("hn-search")).toMatchObject({ recordsTotal: 150n, cursor: String(day + 100_000) });

    hits = [hit(1001, day + 100_500), hit(1000, day + 100_000, 17), ...hits.slice(1)];
    await run.api.letThrough();
    const news = (await run.values("hn-search")).slice(150).map((value) => JSON.parse(value) as object);
    expect(news).toEqual([
      expect.objectContaining({ id: "1001" }),
      expect.objectContaining({ id: "1000", points: 17 }),
    ]);
  });
});
