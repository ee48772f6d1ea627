import { describe, expect, it } from "@jest/globals";
import { ConfigError, EnvReader } from "@apispool/common/env.js";
import { ingestorConfigFromEnv } from "./config.js";
import { displayUrl, eventSource } from "./source-url.js";

function configure(values: Record<string, string>) {
  const env = new EnvReader(values);
  const config = ingestorConfigFromEnv(env);
  env.done();
  return config;
}

function problems(values: Record<string, string>): readonly string[] {
  try {
    configure(values);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
  }
  throw new Error("it was accepted");
}

describe("the ingestor's configuration", () => {
  it("needs a URL, and has a default for the rest", () => {
    expect(configure({ SOURCE_URL: "https://x.test/a" })).toMatchObject({
      address: "127.0.0.1:50051",
      sources: [
        {
          name: "default",
          url: "https://x.test/a",
          intervalMs: 2000,
          timeoutMs: 10_000,
          autostart: false,
          headers: {},
        },
      ],
    });
    expect(problems({})).toEqual([expect.stringMatching(/^SOURCE_URL: must be set/)]);
  });

  it("takes everything that can be set", () => {
    const [source] = configure({
      SOURCE_URL: "http://x.test",
      SOURCE_NAME: "quakes.v1",
      SOURCE_RECORDS: "data.items",
      SOURCE_ID: "meta.id",
      SOURCE_EVENT_TIME: "at",
      SOURCE_HEADERS: '{"authorization":"Bearer abc"}',
      SOURCE_INTERVAL: "5m",
      SOURCE_AUTOSTART: "true",
      DEDUP_WINDOW: "5",
    }).sources;
    expect(source).toMatchObject({
      name: "quakes.v1",
      recordsPath: ["data", "items"],
      idPath: ["meta", "id"],
      eventTimePath: ["at"],
      headers: { authorization: "Bearer abc" },
      intervalMs: 300_000,
      autostart: true,
      dedupWindow: 5,
    });
  });

  it("says everything that is wrong at once, and no secret", () => {
    const found = problems({
      SOURCE_URL: "ftp://x.test",
      SOURCE_NAME: "a b",
      SOURCE_RECORDS: "a..b",
      SOURCE_HEADERS: '{"x":1,"bad name":"hush","y":"hush\\nhush"}',
      SOURCE_INTERVAL: "often",
    });
    expect(found.map((problem) => problem.split(":")[0])).toEqual([
      "SOURCE_NAME",
      "SOURCE_RECORDS",
      "SOURCE_URL",
      "SOURCE_INTERVAL",
      "SOURCE_HEADERS",
      "SOURCE_HEADERS",
      "SOURCE_HEADERS",
    ]);
    expect(found.join()).not.toContain("hush");
    expect(problems({ SOURCE_URL: "http://x.test", SOURCE_HEADERS: "hush" }).join()).not.toContain("hush");
  });

  it("shows addresses without credentials", () => {
    expect(displayUrl("http://me:hush@x.test/a?q=1&api_key=hush#f")).toBe("http://x.test/a?q=1&api_key=***");
    expect(eventSource("http://me:hush@x.test/a?token=hush")).toBe("http://x.test/a");
  });
});
