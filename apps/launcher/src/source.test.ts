import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { nameFromUrl, sourceFromEnv, sourceVariables } from "./source.js";

describe("what is polled", () => {
  it("is the demo unless SOURCE_URL says otherwise", () => {
    expect(sourceFromEnv({})).toEqual({ kind: "demo" });
    expect(sourceFromEnv({ SOURCE_URL: " " })).toEqual({ kind: "demo" });
    expect(sourceFromEnv({ SOURCE_URL: "https://a.example/x" })).toEqual({ kind: "url", url: "https://a.example/x" });
  });

  it("is what a file says where there is one, and the ingestor is told of nothing else", async () => {
    const root = await mkdtemp(join(tmpdir(), "apispool-source-"));
    const named = sourceFromEnv({ APISPOOL_CONFIG: "mine.yaml", SOURCE_URL: "https://a.example/x" }, root);
    expect(named).toEqual({ kind: "file", file: join(root, "mine.yaml") });
    expect(sourceFromEnv({}, root)).toEqual({ kind: "demo" });
    await writeFile(join(root, "apispool.yaml"), "");
    const found = sourceFromEnv({}, root);
    expect(sourceVariables(found, "", {})).toEqual({ APISPOOL_CONFIG: join(root, "apispool.yaml") });
    await rm(root, { recursive: true });
  });

  it("tells the ingestor how to read the demo, and nothing about somebody else's API", () => {
    const demo = sourceVariables({ kind: "demo" }, "127.0.0.1:8099", { SOURCE_INTERVAL: "5s" });
    expect(demo).toMatchObject({
      SOURCE_NAME: "quakes",
      SOURCE_URL: "http://127.0.0.1:8099/earthquakes/feed/v1.0/summary/all_week.geojson",
      SOURCE_RECORDS: "features",
      SOURCE_INTERVAL: "5s",
    });
    const url = "https://api.example.com/v1";
    expect(sourceVariables({ kind: "url", url }, "", {})).toEqual({ SOURCE_URL: url, SOURCE_NAME: "api.example.com" });
    expect(sourceVariables({ kind: "url", url }, "", { SOURCE_NAME: "mine" })["SOURCE_NAME"]).toBe("mine");
  });

  it.each([
    ["https://www.example.com/a?b", "example.com"],
    ["http://127.0.0.1:8080/x", "127.0.0.1"],
    ["http://[::1]:8080/x", "1"],
    ["not a url", "default"],
  ])("%s is named %s", (url, name) => {
    expect(nameFromUrl(url)).toBe(name);
  });
});
