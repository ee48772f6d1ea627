import { afterAll, afterEach, beforeAll, describe, expect, it } from "@jest/globals";
import type { Answer, Asked } from "../testing/gated-api.js";
import { RecipeRun } from "../testing/recipe-run.js";

/** A feed as USGS serves it: made anew now and then, with Last-Modified and without an ETag. */
class Feed {
  body = "";
  modified = Date.UTC(2024, 4, 1, 12);
  readonly #type: string;

  constructor(type: string) {
    this.#type = type;
  }

  publish(body: string): void {
    this.body = body;
    this.modified += 60_000;
  }

  readonly answer = ({ headers: asked }: Asked): Answer => {
    const lastModified = new Date(this.modified).toUTCString();
    const headers = { "content-type": this.#type, "last-modified": lastModified, "cache-control": "public, max-age=0" };
    return asked["if-modified-since"] === lastModified ? { status: 304, headers } : { headers, body: this.body };
  };
}

describe("the recipes for USGS", () => {
  let run: RecipeRun;

  beforeAll(async () => {
    run = await RecipeRun.start(["usgs-quakes", "usgs-quakes-csv"], (url) => ({ USGS_API: url }));
  });
  afterEach(async () => {
    await run.stop();
  });
  afterAll(async () => {
    await run?.close();
  });

  it("GeoJSON: features byte for byte, a revision as a new version, a feed made anew without news as nothing", async () => {
    const quake = (id: string, mag: string, updated: number): string =>
      `{"type":"Feature","properties":{"mag":${mag},"place":"10 km N of Pāhala","time":1714564800123,"updated":${updated}},` +
      `"geometry":{"type":"Point","coordinates":[-155.48,19.29,31.5]},"id":"${id}"}`;
    const collection = (...quakes: string[]): string =>
      `{"type":"FeatureCollection","metadata":{"generated":${Math.random()},"status":200,"count":${quakes.length}},` +
      `"features":[${quakes.join(",")}],"bbox":[-155.48,19.29,0,1,2,31.5]}`;
    const feed = new Feed("application/json; charset=utf-8");
    const first = [quake("hv74216997", "1.80", 1), quake("us7000mgn1", "4.0e0", 1)];
    feed.publish(collection(...first));
    run.api.serve(feed);
    await run.start("quakes");
    await run.api.letThrough(3);
    const asked = run.api.taken();
    expect(asked.map(({ method, path }) => `${method} ${path}`)).toEqual(
      Array.from({ length: 3 }, () => "GET /earthquakes/feed/v1.0/summary/all_hour.geojson"),
    );
    expect(asked.map(({ headers }) => headers["if-modified-since"])).toEqual([
      undefined,
      "Wed, 01 May 2024 12:01:00 GMT",
      "Wed, 01 May 2024 12:01:00 GMT",
    ]);
    expect(await run.values("quakes")).toEqual(first);
    expect(await run.idsAndTimes("quakes")).toEqual([
      ["hv74216997", "2024-05-01T12:00:00.123Z"],
      ["us7000mgn1", "2024-05-01T12:00:00.123Z"],
    ]);

    // Made anew with the same quakes: another Last-Modified, another "generated", and nothing to write.
    feed.publish(collection(...first));
    await run.api.letThrough(2);
    expect(await run.status("quakes")).toMatchObject({ recordsTotal: 2n, notModified: 3n, duplicatesDropped: 2n });

    // One is measured again, one has left the hour, one is new.
    const second = [quake("nc73888000", "2.1", 1), quake("hv74216997", "1.82", 2)];
    feed.publish(collection(...second));
    await run.api.letThrough();
    expect(await run.values("quakes")).toEqual([...first, ...second]);
  });

  it("GeoJSON: an outage answered with a web page is said, and nothing is lost by it", async () => {
    const feed = new Feed("text/html");
    feed.publish("<!DOCTYPE html><html><head><title>Scheduled maintenance</title></head></html>");
    run.api.serve(feed);
    await run.start("quakes");
    await run.api.letThrough();
    expect((await run.status("quakes")).lastError).toMatch(/web page, not JSON.*Scheduled maintenance/);
    feed.publish('{"type":"FeatureCollection","features":[{"id":"after","properties":{"time":1714564800123}}]}');
    await run.api.letThrough();
    expect(await run.status("quakes")).toMatchObject({ lastError: "", consecutiveFailures: 0 });
    expect((await run.values("quakes")).at(-1)).toBe('{"id":"after","properties":{"time":1714564800123}}');
  });

  it("CSV: each line an object of texts, commas in quotes kept, a changed line as a new version", async () => {
    const header =
      "time,latitude,longitude,depth,mag,magType,nst,gap,dmin,rms,net,id,updated,place,type,horizontalError,depthError,magError,magNst,status,locationSource,magSource";
    const line = (id: string, mag: string): string =>
      `2024-05-01T12:00:00.123Z,19.29,-155.48,31.5,${mag},ml,20,72,,0.11,hv,${id},2024-05-01T12:05:00.000Z,"10 km N of Pāhala, Hawaii",earthquake,0.5,0.7,,4,automatic,hv,hv`;
    const feed = new Feed("text/csv; charset=utf-8");
    feed.publish(`${header}\n${line("a", "1.80")}\n${line("b", "2.0")}\n`);
    run.api.serve(feed);
    await run.start("quakes-csv");
    await run.api.letThrough(2);
    expect(run.api.taken().map(({ path, headers }) => [path, headers["if-modified-since"] !== undefined])).toEqual([
      ["/earthquakes/feed/v1.0/summary/all_hour.csv", false],
      ["/earthquakes/feed/v1.0/summary/all_hour.csv", true],
    ]);
    const [first] = (await run.values("quakes-csv")).map((value) => JSON.parse(value) as Record<string, string>);
    expect(Object.keys(first ?? {}).join(",")).toBe(header);
    expect(first).toMatchObject({ id: "a", mag: "1.80", dmin: "", place: "10 km N of Pāhala, Hawaii" });
    expect(await run.idsAndTimes("quakes-csv")).toEqual([
      ["a", "2024-05-01T12:00:00.123Z"],
      ["b", "2024-05-01T12:00:00.123Z"],
    ]);
    feed.publish(`${header}\n${line("a", "1.80")}\n${line("b", "2.4")}\n`);
    await run.api.letThrough();
    expect((await run.values("quakes-csv")).slice(2)).toEqual([expect.stringContaining('"mag":"2.4"')]);
    expect(await run.status("quakes-csv")).toMatchObject({ notModified: 1n, recordsTotal: 3n, duplicatesDropped: 1n });
  });
});
