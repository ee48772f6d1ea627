import { afterAll, afterEach, beforeAll, describe, expect, it } from "@jest/globals";
import type { Answer, Asked } from "../testing/gated-api.js";
import { RecipeRun } from "../testing/recipe-run.js";

const json = (items: readonly object[]): string[] => items.map((item) => JSON.stringify(item));
const headers = { "content-type": "application/json" };

describe("the recipes for APIs that want credentials", () => {
  let run: RecipeRun;

  beforeAll(async () => {
    run = await RecipeRun.start(["stripe-charges", "spotify-albums"], (url) => ({
      STRIPE_API: url,
      SPOTIFY_API: url,
      SPOTIFY_ACCOUNTS: url,
    }));
  });
  afterEach(async () => {
    await run.stop();
  });
  afterAll(async () => {
    await run?.close();
  });

  it("Stripe: each page begins after the last id of the one before; a refund makes a new version", async () => {
    const charge = (n: number, refunded = false) => ({
      id: `ch_${n}`,
      object: "charge",
      amount: 100 * n,
      created: 1_714_564_800 + n,
      refunded,
    });
    let charges = [5, 4, 3, 2, 1].map((n) => charge(n));
    let key = "rk_test_secret";
    run.api.serve({
      answer: ({ path, query, headers: asked }): Answer => {
        if (asked.authorization !== `Bearer ${key}`) {
          return {
            status: 401,
            headers,
            body: '{"error":{"message":"Invalid API Key provided: rk_test_secret","type":"invalid_request_error"}}',
          };
        }
        const after = query.get("starting_after");
        const from = after === null ? 0 : charges.findIndex(({ id }) => id === after) + 1;
        const data = charges.slice(from, from + 2);
        const body = { object: "list", url: path.split("?")[0], has_more: from + 2 < charges.length, data };
        return { headers, body: JSON.stringify(body) };
      },
    });
    await run.start("stripe-charges");
    const before = Math.floor(Date.now() / 1000) - 30 * 86_400;
    await run.api.letThrough();
    const asked = run.api.taken();
    expect(asked.map(({ path }) => path.split("?")[0])).toEqual(["/v1/charges", "/v1/charges", "/v1/charges"]);
    expect(asked.map(({ query }) => query.get("starting_after"))).toEqual([null, "ch_4", "ch_2"]);
    expect(asked.map(({ query }) => query.get("limit"))).toEqual(["100", "100", "100"]);
    expect(asked[0]?.headers).toMatchObject({ authorization: "Bearer rk_test_secret", "stripe-version": "2024-06-20" });
    // Filled in once for all pages of a poll.
    const created = new Set(asked.map(({ query }) => Number(query.get("created[gte]"))));
    expect(created.size).toBe(1);
    expect(Math.abs(([...created][0] ?? 0) - before)).toBeLessThan(60);
    expect(await run.values("stripe-charges")).toEqual(json(charges));
    expect((await run.idsAndTimes("stripe-charges"))[0]).toEqual(["ch_5", "2024-05-01T12:00:05.000Z"]);

    charges = [charge(6), charge(5), charge(4), charge(3, true), charge(2), charge(1)];
    await run.api.letThrough(2);
    expect((await run.values("stripe-charges")).slice(5)).toEqual(json([charge(6), charge(3, true)]));

    key = "another";
    await run.api.letThrough();
    const { lastError } = await run.status("stripe-charges");
    expect(lastError).toMatch(/HTTP 401.*check auth.*Invalid API Key provided/);
    expect(lastError).not.toContain("rk_test_secret");
    key = "rk_test_secret";
    await run.api.letThrough();
    expect(await run.status("stripe-charges")).toMatchObject({ lastError: "", recordsTotal: 7n });
  });

  it("Spotify: one token for all pages, renewed when it is refused; the next page's address is in the body", async () => {
    const album = (n: number) => ({
      id: `album-${n}`,
      name: `Album ${n}`,
      release_date: n === 1 ? "1999" : "2024-05-01",
    });
    const albums = [3, 2, 1].map(album);
    const base = "/v1/artists/0TnOYISbd1XYRBk9myaseg/albums";
    let tokens = 0;
    let revoked = false;
    let throttled = 0;
    const api = ({ path, query, headers: asked }: Asked): Answer => {
      if (asked.authorization !== `Bearer token-${tokens}` || revoked) {
        revoked = false;
        return { status: 401, headers, body: '{"error":{"status":401,"message":"The access token expired"}}' };
      }
      if (throttled > 0) {
        throttled -= 1;
        return {
          status: 429,
          headers: { ...headers, "retry-after": "1" },
          body: '{"error":{"status":429,"message":"API rate limit exceeded"}}',
        };
      }
      const offset = Number(query.get("offset") ?? 0);
      const next = offset + 2 < albums.length ? `${run.api.url}${base}?offset=${offset + 2}&limit=50` : null;
      const items = albums.slice(offset, offset + 2);
      return {
        headers,
        body: JSON.stringify({ href: path, items, limit: 50, next, offset, previous: null, total: albums.length }),
      };
    };
    run.api.serve({
      begins: ({ path }) => path === `${base}?limit=50`,
      answer: (asked): Answer => {
        if (asked.path !== "/api/token") return api(asked);
        tokens += 1;
        return { headers, body: `{"access_token":"token-${tokens}","token_type":"Bearer","expires_in":3600}` };
      },
    });
    await run.start("spotify-albums");
    await run.api.letThrough(2);
    const asked = run.api.taken();
    const pages = [`GET ${base}?limit=50`, `GET ${base}?offset=2&limit=50`];
    // The token is fetched before the request is made that waits at the door.
    expect(asked.map(({ method, path }) => `${method} ${path}`)).toEqual(["POST /api/token", ...pages, ...pages]);
    expect(asked[0]?.body).toBe("grant_type=client_credentials");
    expect(asked[0]?.headers).toMatchObject({
      authorization: `Basic ${Buffer.from("spotify-client:spotify-secret").toString("base64")}`,
      "content-type": "application/x-www-form-urlencoded",
    });
    expect(await run.values("spotify-albums")).toEqual(json(albums));
    expect((await run.idsAndTimes("spotify-albums")).map(([, time]) => time)).toEqual([
      "2024-05-01T00:00:00.000Z",
      "2024-05-01T00:00:00.000Z",
      "1999-01-01T00:00:00.000Z",
    ]);

    // Refused in the middle of its hour: one more token, the same request again, and nobody sees an error.
    albums.unshift(album(4));
    revoked = true;
    await run.api.letThrough(2);
    expect(await run.status("spotify-albums")).toMatchObject({
      lastError: "",
      consecutiveFailures: 0,
      recordsTotal: 4n,
    });
    expect(tokens).toBe(2);

    // Sent away for a second: the status says so while it lasts, and forgets it.
    throttled = 1;
    await run.api.letThrough();
    expect((await run.status("spotify-albums")).lastError).toMatch(/HTTP 429.*alone for 1 s.*API rate limit exceeded/);
    await run.api.letThrough();
    expect(await run.status("spotify-albums")).toMatchObject({ lastError: "", recordsTotal: 4n });
  });
});
