import { describe, expect, it } from "@jest/globals";
import { ConfigError, EnvReader } from "@apispool/common/env.js";
import { type TtlRule, lookMsFor, ttlFromEnv, ttlOf } from "./ttl.js";

function parse(text: string): readonly TtlRule[] {
  const env = new EnvReader({ STORE_TTL: text });
  const rules = ttlFromEnv(env);
  env.done();
  return rules;
}

const DAY = 86_400_000;

describe("STORE_TTL", () => {
  it("is for all sources, or for each by itself or by what it begins with, the most exact first", () => {
    const days = (text: string, source: string): number | undefined => {
      const ms = ttlOf(parse(text))(source);
      return ms === undefined ? undefined : ms / DAY;
    };
    expect([days("30d", "quakes"), days("30d", "tides")]).toEqual([30, 30]);
    const each = " *=30d, logs.*=7d,logs.audit.*=0, logs.audit.x = 1.5d ,quakes=90d";
    expect(
      ["quakes", "quakes2", "logs.web", "logs.audit.y", "logs.audit.x"].map((source) => days(each, source)),
    ).toEqual([90, 30, 7, undefined, 1.5]);
    expect([days("quakes=90d,30d", "quakes"), days("quakes=90d,30d", "tides")]).toEqual([90, 30]);
    expect([days("quakes=90d", "tides"), days("", "quakes"), days("0", "quakes"), days("0d", "quakes")]).toEqual(
      Array.from({ length: 4 }, () => undefined),
    );
  });

  it("is looked after every minute, and oftener where something is kept for less than an hour", () => {
    expect(["30d", "a=90d,*=30m", "1m", "a=0", ""].map((text) => lookMsFor(parse(text)))).toEqual([
      60_000,
      30_000,
      1000,
      undefined,
      undefined,
    ]);
  });

  it.each([
    ["soon", /STORE_TTL: "soon" has no duration; it must be a duration for all sources, or source=duration/],
    ["quakes=", /"quakes=" has no duration/],
    ["quakes=-1d", /"quakes=-1d" has no duration/],
    ["quakes=30", /"quakes=30" has no duration/],
    ["=30d", /"=30d" names no source/],
    ["a b=30d", /"a b=30d" names no source/],
    ["a*b=30d", /"a\*b=30d" names no source/],
    ["quakes=30d,", /"" has no duration/],
    ["quakes=59s", /"quakes=59s" is not 0 \(for ever\) or from 1m to 36500d/],
    ["36501d", /"36501d" is not 0/],
    ["30d,*=7d", /"\*=7d" says of "\*" a second time/],
  ])("refuses %s", (text, problem) => {
    expect(() => parse(text)).toThrow(ConfigError);
    expect(() => parse(text)).toThrow(problem);
  });
});
