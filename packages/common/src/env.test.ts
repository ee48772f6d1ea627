import { describe, expect, it } from "@jest/globals";
import { ConfigError, EnvReader, parseDuration } from "./env.js";

describe("the environment's settings", () => {
  it("takes the fallback for what is not set or empty", () => {
    const env = new EnvReader({ PORT: " ", NAME: "" });
    expect([env.port("PORT", 3000), env.string("NAME", "x"), env.boolean("B", true)]).toEqual([3000, "x", true]);
    expect(() => env.done()).not.toThrow();
  });

  it("tells everything that is wrong at once, by name, with what is allowed", () => {
    const env = new EnvReader({ PORT: "99999", LEVEL: "loud", WAIT: "5 minutes", URL: "ftp://x", BROKERS: "a:1,b" });
    env.port("PORT", 1);
    env.oneOf("LEVEL", ["quiet", "normal"], "normal");
    env.durationMs("WAIT", { fallback: 1, min: 0, max: 60_000 });
    env.httpUrl("URL");
    env.addresses("BROKERS", []);
    let problems: readonly string[] = [];
    try {
      env.done();
    } catch (error) {
      if (error instanceof ConfigError) problems = error.problems;
    }
    expect(problems).toEqual([
      'PORT: "99999" is not a whole number from 0 to 65535',
      'LEVEL: "loud" is not one of quiet, normal',
      'WAIT: "5 minutes" is not a duration from 0ms to 60000ms, such as 500ms, 30s, 5m',
      'URL: "ftp://x" must begin with http:// or https://',
      'BROKERS: "b" is not an address of the form host:port',
    ]);
  });

  it.each([
    ["250ms", 250],
    ["1.5s", 1500],
    ["2m", 120_000],
    ["1h", 3_600_000],
    ["7d", 604_800_000],
    ["5", undefined],
    ["-1s", undefined],
    ["1s 2s", undefined],
  ])("reads %s as %s ms", (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
  });
});
