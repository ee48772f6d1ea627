import { afterAll, afterEach, beforeAll, describe, expect, it } from "@jest/globals";
import type { Answer } from "../testing/gated-api.js";
import { RecipeRun } from "../testing/recipe-run.js";

describe("the recipes for exports and open data", () => {
  let run: RecipeRun;

  beforeAll(async () => {
    run = await RecipeRun.start(["lichess-games", "nyc-311"], (url) => ({ LICHESS_API: url, SODA_API: url }));
  });
  afterEach(async () => {
    await run.stop();
  });
  afterAll(async () => {
    await run?.close();
  });

  it("Lichess: a game a line, byte for byte; the next export begins an hour before the newest", async () => {
    const hour = 3_600_000;
    const start = Date.UTC(2024, 4, 1);
    const game = (n: number, status = "mate"): { at: number; line: string } => ({
      at: start + n * hour,
      line: `{"id":"game${n}","rated":true,"createdAt":${start + n * hour},"lastMoveAt":${start + n * hour + 900},"status":"${status}","moves":"e4 e5"}`,
    });
    let games = [1, 2, 3, 4].map((n) => game(n));
    run.api.serve({
      answer: ({ path, query, headers }): Answer => {
        if (!path.startsWith("/api/games/user/german11?")) return { status: 404 };
        if (headers.accept !== "application/x-ndjson")
          return { headers: { "content-type": "application/x-chess-pgn" }, body: "[Event]" };
        const since = Number(query.get("since"));
        const lines = games.filter(({ at }) => at >= since).map(({ line }) => `${line}\n`);
        return { headers: { "content-type": "application/x-ndjson" }, body: lines.join("") };
      },
    });
    await run.start("lichess-games");
    await run.api.letThrough(2);
    expect(run.api.taken().map(({ query }) => Object.fromEntries(query))).toEqual([
      { since: String(Date.UTC(2024, 0, 1)), sort: "dateAsc" },
      { since: String(start + 3 * hour), sort: "dateAsc" },
    ]);
    expect(await run.values("lichess-games")).toEqual(games.map(({ line }) => line));
    games = [...games.slice(0, 3), game(4, "cheat"), game(5)];
    await run.api.letThrough();
    expect((await run.values("lichess-games")).slice(4)).toEqual([game(4, "cheat").line, game(5).line]);
    expect((await run.idsAndTimes("lichess-games"))[0]).toEqual(["game1", "2024-05-01T01:00:00.000Z"]);
  });

  it("Socrata: offsets up to a page that is not full, the cursor inside of the query, changes as new versions", async () => {
    const row = (n: number, minute: number, status = "Open") => ({
      ":id": `row-${n}`,
      ":updated_at": `2025-05-01T12:${String(minute).padStart(2, "0")}:00.000Z`,
      unique_key: String(n),
      status,
    });
    let rows = Array.from({ length: 1500 }, (_, i) => row(i, Math.floor(i / 30)));
    run.api.serve({
      begins: ({ query }) => query.get("$offset") === "0",
      answer: ({ path, query }): Answer => {
        if (!path.startsWith("/resource/erm2-nwe9.json?")) return { status: 404 };
        const since = /^:updated_at >= '([^']+)'$/.exec(query.get("$where") ?? "")?.[1] ?? "9";
        const [offset, limit] = [Number(query.get("$offset")), Number(query.get("$limit"))];
        const found = rows.filter((r) => Date.parse(r[":updated_at"]) >= Date.parse(since));
        return {
          headers: { "content-type": "application/json;charset=utf-8" },
          body: JSON.stringify(found.slice(offset, offset + limit)),
        };
      },
    });
    await run.start("nyc-311");
    await run.api.letThrough();
    const asked = run.api.taken();
    expect(asked.map(({ query }) => Object.fromEntries(query))).toEqual(
      ["0", "1000"].map((offset) => ({
        $select: ":id, :updated_at, *",
        $where: ":updated_at >= '2025-01-01T00:00:00Z'",
        $order: ":updated_at, :id",
        $offset: offset,
        $limit: "1000",
      })),
    );
    expect(asked[0]?.headers["x-app-token"]).toBe("soda-secret");
    expect(await run.values("nyc-311")).toEqual(rows.map((r) => JSON.stringify(r)));
    rows = [...rows.slice(1), row(0, 50, "Closed")];
    await run.api.letThrough();
    expect(run.api.taken().map(({ query }) => query.get("$where"))).toEqual([":updated_at >= '2025-05-01T12:39:00Z'"]);
    expect((await run.values("nyc-311")).slice(1500)).toEqual([JSON.stringify(row(0, 50, "Closed"))]);
  });
});
