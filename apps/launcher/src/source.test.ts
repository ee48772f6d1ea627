import { describe, expect, it } from "@jest/globals";
import { nameFromUrl, sourceFromEnv, sourceVariables } from "./source.js";

describe("what is polled", () => {
  it("is the demo unless SOURCE_URL says otherwise", () => {
    expect(sourceFromEnv({})).toEqual({ kind: "demo" });
    expect(sourceFromEnv({ SOURCE_URL: " " })).toEqual({ kind: "demo" });
    expect(sourceFromEnv({ SOURCE_URL: "https://a.example/x" })).toEqual({ kind: "url", url: "https://a.example/x" });
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
