import { afterAll, afterEach, beforeAll, describe, expect, it } from "@jest/globals";
import { ActualState } from "@apispool/contracts/apispool/v1/worker_control_pb.js";
import type { Asked } from "../testing/gated-api.js";
import { GithubList } from "../testing/github-api.js";
import { eventually } from "../testing/harness.js";
import { RecipeRun } from "../testing/recipe-run.js";

interface Issue {
  readonly id: number;
  readonly title: string;
  readonly updated_at: string;
}

interface GithubEvent {
  readonly id: string;
  readonly type: string;
  readonly created_at: string;
}

const json = (items: readonly object[]): string[] => items.map((item) => JSON.stringify(item));
const minute = (n: number): string => new Date(Date.UTC(2024, 4, 1, 12, n)).toISOString().replace(".000Z", "Z");

describe("the recipes for GitHub", () => {
  let run: RecipeRun;

  beforeAll(async () => {
    run = await RecipeRun.start(["github-events", "github-issues", "github-graphql"], (url) => ({ GITHUB_API: url }));
  });
  afterEach(async () => {
    await run.stop();
  });
  afterAll(async () => {
    await run?.close();
  });

  it("events: every page by the Link header, once; a poll without news is one request, answered 304", async () => {
    const event = (n: number): GithubEvent => ({
      id: String(90_000_000_000 + n),
      type: "PushEvent",
      created_at: minute(n),
    });
    const github = new GithubList<GithubEvent>(() => run.api.url, 3);
    github.items = [8, 7, 6, 5, 4, 3, 2].map(event);
    run.api.serve(github);
    await run.start("github-events");
    await run.api.letThrough();
    const base = "/repos/nodejs/node/events?per_page=100";
    const first = run.api.taken();
    expect(first.map(({ path }) => path)).toEqual([base, `${base}&page=2`, `${base}&page=3`]);
    expect(first.map(({ headers }) => headers["if-none-match"])).toEqual([undefined, undefined, undefined]);
    for (const { headers } of first) {
      expect(headers).toMatchObject({ accept: "application/vnd.github+json", "x-github-api-version": "2022-11-28" });
    }
    expect(await run.values("github-events")).toEqual(json(github.items));
    expect((await run.idsAndTimes("github-events"))[0]).toEqual(["90000000008", "2024-05-01T12:08:00.000Z"]);

    await run.api.letThrough(3);
    const quiet = run.api.taken();
    expect(quiet.map(({ path }) => path)).toEqual([base, base, base]);
    expect(quiet.map(({ headers }) => headers["if-none-match"])).toEqual(
      Array.from({ length: 3 }, () => expect.stringMatching(/^W\/"[0-9a-f]{64}"$/)),
    );
    expect(await run.status("github-events")).toMatchObject({ notModified: 3n, recordsTotal: 7n });

    github.items.unshift(event(9));
    await run.api.letThrough();
    expect(run.api.taken()).toHaveLength(3);
    expect((await run.values("github-events")).slice(7)).toEqual(json([event(9)]));

    // The API's own word on how often it wants to be asked goes before the interval.
    github.maxAge = 60;
    github.items.unshift(event(10));
    await run.api.open();
    await eventually(async () => {
      const { actualState, nextPollAt, lastPollAt, recordsTotal } = await run.status("github-events");
      expect([actualState, recordsTotal]).toEqual([ActualState.IDLE, 9n]);
      expect(Number((nextPollAt?.seconds ?? 0n) - (lastPollAt?.seconds ?? 0n))).toBeGreaterThanOrEqual(59);
    });
  });

  it("events: an exhausted limit is waited for, and said in words", async () => {
    const github = new GithubList<GithubEvent>(() => run.api.url, 100);
    github.items = [{ id: "limited", type: "WatchEvent", created_at: minute(30) }];
    github.refusals.push({
      status: 403,
      headers: {
        "content-type": "application/json",
        "x-ratelimit-limit": "60",
        "x-ratelimit-remaining": "0",
        "x-ratelimit-reset": String(Math.floor(Date.now() / 1000) + 600),
        date: new Date().toUTCString(),
      },
      body: '{"message":"API rate limit exceeded for user ID 1."}',
    });
    run.api.serve(github);
    await run.start("github-events");
    await run.api.open();
    await eventually(async () => {
      expect(await run.status("github-events")).toMatchObject({
        actualState: ActualState.BACKING_OFF,
        lastError: expect.stringMatching(
          /HTTP 403: the API is asked too often.*\b(600|599|598) s.*rate limit exceeded/,
        ),
        rateLimit: { remaining: 0n },
      });
    });
    expect((await run.status("github-events")).lastError).not.toContain("github-secret");
    expect(run.api.taken()).toHaveLength(1);
  });

  it("issues: asks for what was changed since the newest, less the overlap, and writes each change once", async () => {
    const issue = (id: number, n: number, title = "open"): Issue => ({ id, title, updated_at: minute(n) });
    const github = new GithubList<Issue>(
      () => run.api.url,
      3,
      (items, { query }) => items.filter(({ updated_at }) => updated_at >= (query.get("since") ?? "")),
    );
    github.items = [issue(5, 50), issue(4, 40), issue(3, 30), issue(2, 20), issue(1, 10)];
    run.api.serve(github);
    await run.start("github-issues");
    await run.api.letThrough();
    const base = "/repos/nodejs/node/issues?state=all&sort=updated&direction=desc&since=";
    expect(run.api.taken().map(({ path }) => decodeURIComponent(path))).toEqual([
      `${base}2024-01-01T00:00:00Z&per_page=100`,
      `${base}2024-01-01T00:00:00Z&per_page=100&page=2`,
    ]);
    expect(await run.values("github-issues")).toEqual(json(github.items));

    // The question has changed, so the first answer is no 304; the one after it is.
    await run.api.letThrough(2);
    const since = run.api.taken();
    expect(since.map(({ query }) => query.get("since"))).toEqual([minute(45), minute(45)]);
    expect(since.map(({ headers }) => headers["if-none-match"] !== undefined)).toEqual([false, true]);
    expect(await run.status("github-issues")).toMatchObject({
      notModified: 1n,
      recordsTotal: 5n,
      cursor: "2024-05-01T12:50:00.000Z",
    });

    // Issue 2 is closed, a new one is opened; 6 appears late, behind the newest.
    github.items = [issue(2, 59, "closed"), issue(7, 55), issue(5, 50), issue(6, 46)];
    await run.api.letThrough(2);
    expect((await run.values("github-issues")).slice(5)).toEqual(
      json([issue(2, 59, "closed"), issue(7, 55), issue(6, 46)]),
    );
    expect(run.api.taken().map(({ query }) => [query.get("since"), query.get("page")])).toEqual([
      [minute(45), null],
      [minute(45), "2"],
      [minute(54), null],
    ]);
  });

  it("issues: one that is changed while the pages are read is not passed over, and nor is any other", async () => {
    const issue = (id: number, n: number, title = "open"): Issue => ({ id, title, updated_at: minute(n) });
    const github = new GithubList<Issue>(() => run.api.url, 2);
    github.items = [14, 13, 12, 11].map((id) => issue(id, 60 + id));
    run.api.serve({
      answer: (asked) => {
        if (asked.query.get("page") === "2" && github.items[0]?.id === 14) {
          github.items = [issue(12, 90, "edited"), issue(14, 74), issue(13, 73), issue(11, 71)];
        }
        return github.answer(asked);
      },
    });
    await run.start("github-issues");
    await run.api.letThrough(2);
    // The list has moved on by one between the pages: 13 was shown twice, and 12 is found at the front by the next poll.
    expect((await run.values("github-issues")).slice(8)).toEqual(
      json([issue(14, 74), issue(13, 73), issue(11, 71), issue(12, 90, "edited")]),
    );
  });

  it("GraphQL: the cursor goes into the variables; errors that come as HTTP 200 are errors", async () => {
    const node = (n: number) => ({
      id: `I_${n}`,
      number: n,
      title: "t",
      state: "OPEN",
      updatedAt: minute(n),
      author: null,
    });
    let nodes = [3, 2, 1].map(node);
    let error: string | undefined;
    const variablesOf = ({ body }: Asked) =>
      (JSON.parse(body) as { variables: { after: string | null; since: string; owner: string; name: string } })
        .variables;
    run.api.serve({
      begins: (asked) => variablesOf(asked).after === null,
      answer: (asked) => {
        const { after, since } = variablesOf(asked);
        const headers = { "content-type": "application/json" };
        if (error !== undefined) return { headers, body: error };
        const all = nodes.filter(({ updatedAt }) => updatedAt >= since);
        const from = after === null ? 0 : Number(Buffer.from(after, "base64").toString().slice(7));
        const shown = all.slice(from, from + 2);
        const hasNextPage = from + 2 < all.length;
        const endCursor = shown.length === 0 ? null : Buffer.from(`cursor:${from + 2}`).toString("base64");
        const issues = { nodes: shown, pageInfo: { endCursor, hasNextPage } };
        return { headers, body: JSON.stringify({ data: { repository: { issues } } }) };
      },
    });
    await run.start("github-graphql");
    await run.api.letThrough();
    const asked = run.api.taken();
    expect(asked.map(({ method, path }) => `${method} ${path}`)).toEqual(["POST /graphql", "POST /graphql"]);
    expect(asked[0]?.headers).toMatchObject({
      "content-type": "application/json",
      authorization: "Bearer github-secret",
    });
    expect(asked.map(variablesOf)).toEqual([
      { owner: "nodejs", name: "node", since: "2024-01-01T00:00:00Z", after: null },
      { owner: "nodejs", name: "node", since: "2024-01-01T00:00:00Z", after: "Y3Vyc29yOjI=" },
    ]);
    expect(await run.values("github-graphql")).toEqual(json(nodes));

    error =
      '{"data":{"repository":null},"errors":[{"type":"NOT_FOUND","path":["repository"],"message":"Could not resolve to a Repository with the name \'nodejs/node\'."}]}';
    await run.api.letThrough();
    expect(await run.status("github-graphql")).toMatchObject({
      lastError: expect.stringContaining("Could not resolve to a Repository"),
      recordsTotal: 3n,
    });
    error = undefined;
    nodes = [{ ...node(2), state: "CLOSED", updatedAt: minute(4) }, node(3)];
    await run.api.letThrough();
    expect(await run.status("github-graphql")).toMatchObject({ lastError: "", recordsTotal: 4n });
    expect((await run.values("github-graphql")).slice(3)).toEqual(json(nodes.slice(0, 1)));
  });
});
