import { beforeAll, describe, expect, it } from "@jest/globals";
import { Catalogue, type FeedName, feeds } from "./catalogue.js";
import type { Quake, QuakeFeed } from "./geojson.js";
import { loadQuakes } from "./load.js";

const speed = 360;
const now = Date.UTC(2026, 10, 24, 12);

describe("the earthquake catalogue, played again", () => {
  let quakes: readonly Quake[];
  let catalogue: Catalogue;
  const feed = (name: FeedName, at: number): QuakeFeed => catalogue.feed(name, at);

  beforeAll(async () => {
    quakes = await loadQuakes();
    catalogue = new Catalogue(quakes, speed);
  });

  it("has the shape of the original", () => {
    const { type, metadata, features, bbox } = feed("all_week", now);
    expect(type).toBe("FeatureCollection");
    expect(Object.keys(metadata)).toEqual(["generated", "url", "title", "status", "api", "count"]);
    expect(metadata.count).toBe(features.length);
    expect(bbox).toHaveLength(6);
    expect(features.length).toBeGreaterThan(1600);
    expect(new Set(features.map((f) => f.id)).size).toBe(features.length);
    const original = quakes[0];
    expect(Object.keys(features[0] ?? {})).toEqual(Object.keys(original ?? {}));
    expect(Object.keys(features[0]?.properties ?? {})).toEqual(Object.keys(original?.properties ?? {}));
    for (const { id, properties } of features) expect(id).toBe(`${properties.net}${properties.code}`);
  });

  it("plays every quake of the catalogue once in a repetition", () => {
    const seen = new Set<string>();
    // Forty minutes are more than one repetition, whatever moment they begin at.
    for (let at = now; at < now + 40 * 60_000; at += 60_000) {
      for (const { id } of feed("all_day", at).features) seen.add(id);
    }
    expect(quakes).toHaveLength(1707);
    const names = new Set([...seen].map((id) => id.slice(0, id.lastIndexOf("-"))));
    expect(names).toEqual(new Set(quakes.map((q) => q.id)));
    expect(new Set([...seen].map((id) => id.slice(id.lastIndexOf("-")))).size).toBeGreaterThan(1);
  });

  it.each(Object.keys(feeds) as FeedName[])(
    "%s: newest first, none from the future, none older than the window",
    (name) => {
      const { features, metadata } = feed(name, now);
      const times = features.map((f) => f.properties.time);
      expect(times).toEqual([...times].sort((a, b) => b - a));
      for (const { properties } of features) {
        expect(properties.time).toBeLessThanOrEqual(now);
        expect(properties.time).toBeGreaterThan(now - feeds[name].windowMs / speed - 1);
        expect(properties.updated).toBeGreaterThanOrEqual(properties.time);
        expect(properties.updated).toBeLessThanOrEqual(metadata.generated);
      }
      expect(metadata.generated).toBeLessThanOrEqual(now);
    },
  );

  it("goes on without a hole: what appears between two looks is exactly what is newer than the first", () => {
    let known = new Set(feed("all_day", now).features.map((f) => f.id));
    let appeared = 0;
    for (let at = now + 500; at <= now + 60_000; at += 500) {
      const { features } = feed("all_day", at);
      const fresh = features.filter((f) => !known.has(f.id));
      for (const { properties } of fresh) expect(properties.time).toBeGreaterThan(at - 500);
      expect(features.slice(0, fresh.length)).toEqual(fresh);
      appeared += fresh.length;
      known = new Set(features.map((f) => f.id));
    }
    expect(appeared).toBeGreaterThan(20);
  });

  it("shows the same after a restart", () => {
    expect(new Catalogue(quakes, speed).feed("all_week", now)).toEqual(feed("all_week", now));
  });

  it("has a new time of generation exactly when the content is another", () => {
    const states = new Map<number, string>();
    let changes = 0;
    let last = "";
    for (let at = now; at < now + 20_000; at += 50) {
      const { metadata, features, bbox } = feed("all_day", at);
      const content = JSON.stringify([features, bbox]);
      const known = states.get(metadata.generated);
      if (known !== undefined) expect(content).toBe(known);
      states.set(metadata.generated, content);
      if (content !== last) changes += 1;
      last = content;
    }
    expect(changes).toBe(states.size);
    expect(changes).toBeGreaterThan(10);
    // What a moment shows came to be at its time of generation: looking then shows the same bytes.
    const { metadata } = feed("all_day", now);
    expect(feed("all_day", metadata.generated)).toEqual(feed("all_day", now));
    expect(feed("all_day", metadata.generated - 1)).not.toEqual(feed("all_day", now));
  });

  it("revises some quakes, once or twice, from automatic to reviewed, the magnitude with them", () => {
    const versions = new Map<string, Quake["properties"][]>();
    // A quake's last correction comes within a simulated day, and the week's feed still has it then.
    for (let at = now; at < now + 12 * 60_000; at += 5_000) {
      for (const { id, properties } of feed("all_week", at).features) {
        const known = versions.get(id) ?? [];
        if (known.at(-1)?.updated !== properties.updated) versions.set(id, [...known, properties]);
      }
    }
    // Those that were seen from their first minute to a day later.
    const whole = [...versions.values()].filter(
      ([first]) => first !== undefined && first.time > now && first.time < now + 7 * 60_000,
    );
    const revised = whole.filter((v) => v.length > 1);
    expect(revised.length / whole.length).toBeGreaterThan(0.08);
    expect(revised.length / whole.length).toBeLessThan(0.18);
    expect(new Set(revised.map((v) => v.length))).toEqual(new Set([2, 3]));
    for (const history of revised) {
      expect(history.map((v) => v.status)).toEqual([...history.slice(1).map(() => "automatic"), "reviewed"]);
      expect(history[0]?.mag).not.toBe(history.at(-1)?.mag);
      expect(new Set(history.map((v) => v.time)).size).toBe(1);
      const original = quakes.find((q) => history[0]?.code.startsWith(`${q.properties.code}-`));
      expect(history.at(-1)?.mag).toBe(original?.properties.mag);
      expect(history.at(-1)?.title).toBe(original?.properties.title);
    }
  });
});
