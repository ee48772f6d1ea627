import { createHash } from "node:crypto";
import type { Quake, QuakeFeed } from "./geojson.js";

const hourMs = 3_600_000;

/** The feeds, by name, with how far back each reaches in simulated time. */
export const feeds = {
  all_hour: { title: "USGS All Earthquakes, Past Hour", windowMs: hourMs },
  all_day: { title: "USGS All Earthquakes, Past Day", windowMs: 24 * hourMs },
  all_week: { title: "USGS All Earthquakes, Past Week", windowMs: 7 * 24 * hourMs },
  all_month: { title: "USGS All Earthquakes, Past Month", windowMs: 30 * 24 * hourMs },
} as const;

export type FeedName = keyof typeof feeds;

/** One state of a catalogue entry: what it says from a moment on. */
interface Version {
  /** Simulated milliseconds after the quake at which this version is published; the first one is at 0. */
  readonly afterMs: number;
  readonly mag: number;
  readonly status: string;
  readonly title: string;
}

interface Entry {
  readonly quake: Quake;
  /** Simulated milliseconds from the beginning of the catalogue. */
  readonly offsetMs: number;
}

/**
 * The catalogue, played over and over, faster than life. What a feed shows is a pure function of the wall clock: nothing
 * is remembered, so a restart in the middle changes nothing, and two copies show the same.
 *
 * Simulated time is the wall clock times the speed. The catalogue repeats from 1970 on; an id carries the number of
 * the repetition, so that a quake of the next one is a new quake.
 */
export class Catalogue {
  readonly #entries: readonly Entry[];
  readonly #lengthMs: number;
  readonly #speed: number;

  /** @param speed simulated milliseconds in one of the wall clock's */
  constructor(quakes: readonly Quake[], speed: number) {
    const sorted = [...quakes].sort((a, b) => a.properties.time - b.properties.time);
    const first = sorted[0]?.properties.time ?? 0;
    const last = sorted.at(-1)?.properties.time ?? 0;
    this.#entries = sorted.map((quake) => ({ quake, offsetMs: quake.properties.time - first }));
    // The mean distance of two quakes stands between the last one and the first of the next repetition.
    this.#lengthMs = last - first + Math.max(1, (last - first) / Math.max(1, sorted.length - 1));
    this.#speed = speed;
  }

  /** What a feed shows at a moment of the wall clock (milliseconds since 1970). */
  feed(name: FeedName, nowMs: number): QuakeFeed {
    const { title, windowMs } = feeds[name];
    const windowWallMs = windowMs / this.#speed;
    const features: Quake[] = [];
    let generated = 0;
    const happened = (atMs: number): void => {
      if (atMs <= nowMs && atMs > generated) generated = atMs;
    };
    const cycleNow = Math.floor((nowMs * this.#speed) / this.#lengthMs);
    // One repetition more than the window reaches: the last quake to leave it changed the feed, too.
    const cycleFirst = Math.floor((nowMs * this.#speed - windowMs) / this.#lengthMs) - 1;
    for (let cycle = cycleNow; cycle >= cycleFirst; cycle -= 1) {
      for (const { quake, offsetMs } of this.#entries.toReversed()) {
        const appearsMs = this.#wallMs(cycle * this.#lengthMs + offsetMs);
        const leavesMs = Math.ceil(appearsMs + windowWallMs);
        if (appearsMs > nowMs) continue;
        if (leavesMs <= nowMs) {
          happened(leavesMs);
          break;
        }
        happened(appearsMs);
        features.push(this.#publish(quake, cycle, appearsMs, nowMs, happened));
      }
    }
    return {
      type: "FeatureCollection",
      metadata: {
        generated,
        url: `https://earthquake.usgs.gov/earthquakes/feed/v1.0/summary/${name}.geojson`,
        title,
        status: 200,
        api: "1.5.8",
        count: features.length,
      },
      features,
      ...(features.length === 0 ? {} : { bbox: boundingBox(features) }),
    };
  }

  /** The first whole millisecond of the wall clock at which a simulated moment has come. */
  #wallMs(simulatedMs: number): number {
    return Math.ceil(simulatedMs / this.#speed);
  }

  /** A quake as it stands at a moment: moved to the wall clock, in its newest version. */
  #publish(quake: Quake, cycle: number, appearsMs: number, nowMs: number, happened: (atMs: number) => void): Quake {
    const suffix = `-${cycle.toString(36)}`;
    let current: { updated: number; version: Version } | undefined;
    for (const version of versionsOf(quake, cycle)) {
      const updated = appearsMs + this.#wallMs(version.afterMs);
      if (updated > nowMs) break;
      happened(updated);
      current = { updated, version };
    }
    const { code, net } = quake.properties;
    return {
      ...quake,
      properties: {
        ...quake.properties,
        mag: current?.version.mag ?? quake.properties.mag,
        time: appearsMs,
        updated: current?.updated ?? appearsMs,
        status: current?.version.status ?? quake.properties.status,
        title: current?.version.title ?? quake.properties.title,
        code: `${code}${suffix}`,
        ids: `,${net}${code}${suffix},`,
      },
      id: `${quake.id}${suffix}`,
    };
  }
}

/** About one quake in eight is published by a machine first and corrected by a person later, once or twice. */
function versionsOf(quake: Quake, cycle: number): readonly Version[] {
  const { mag, status, title } = quake.properties;
  const dice = createHash("sha256").update(`${quake.id}/${cycle}`).digest();
  if ((dice[0] ?? 0) >= 32) return [{ afterMs: 0, mag, status, title }];
  const wrong = (byte: number): { mag: number; title: string } => {
    const by = (((dice[byte] ?? 0) % 4) + 1) / 10;
    const value = Number((mag + ((dice[byte] ?? 0) >= 128 ? by : -by)).toFixed(2));
    return { mag: value, title: title.replace(/^M -?\d+(\.\d+)?/, `M ${value.toFixed(1)}`) };
  };
  // The corrections come between 1 and 5 hours later, and between 6 and 23.
  const early = hourMs * (1 + ((dice[1] ?? 0) % 5));
  const late = hourMs * (6 + ((dice[2] ?? 0) % 18));
  const twice = (dice[3] ?? 0) < 64;
  return [
    { afterMs: 0, status: "automatic", ...wrong(4) },
    ...(twice ? [{ afterMs: early, status: "automatic", ...wrong(5) }] : []),
    { afterMs: twice ? late : early, status: "reviewed", mag, title },
  ];
}

function boundingBox(quakes: readonly Quake[]): readonly number[] {
  const least = [Infinity, Infinity, Infinity];
  const most = [-Infinity, -Infinity, -Infinity];
  for (const { geometry } of quakes) {
    for (const [axis, value] of geometry.coordinates.entries()) {
      least[axis] = Math.min(least[axis] ?? value, value);
      most[axis] = Math.max(most[axis] ?? value, value);
    }
  }
  return [...least, ...most];
}
