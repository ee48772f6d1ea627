import type { EnvReader } from "@apispool/common/env.js";
import type { TopicInfo } from "./log-reader.js";
import { type Names, namesFor } from "./topics.js";

/** A topic that Apispool does not write, and the source that it is read as; or all whose names begin alike. */
export type ForeignTopic =
  | { readonly source: string; readonly topic: string }
  /** Each topic is a source of its own name. */
  | { readonly prefix: string };

const name = /^[A-Za-z0-9._-]+$/;
const MOST_SOURCE = 100;
const MOST_TOPIC = 249;
const FORM = "it must be a topic, source=topic, or the beginning of topics' names and a *";

/** Reads READER_TOPICS: `orders,clicks=web.clicks.v1,logs.*`. */
export function foreignTopicsFromEnv(env: EnvReader, topicPrefix: string): readonly ForeignTopic[] {
  const text = env.string("READER_TOPICS");
  if (text === undefined) return [];
  const wrong = (entry: string, what: string): [] => {
    env.problem("READER_TOPICS", `"${entry}" ${what}`);
    return [];
  };
  const names = namesFor(topicPrefix);
  const sources = new Set<string>();
  const topics = new Set<string>();
  return text.split(",").flatMap((raw): ForeignTopic[] => {
    const entry = raw.trim();
    if (/^[A-Za-z0-9._-]*\*$/.test(entry)) return [{ prefix: entry.slice(0, -1) }];
    const equals = entry.indexOf("=");
    const topic = entry.slice(equals + 1).trim();
    const source = equals === -1 ? topic : entry.slice(0, equals).trim();
    if (!name.test(topic) || !name.test(source)) return wrong(entry, `names no topic; ${FORM}`);
    if (topic.length > MOST_TOPIC || topic === "." || topic === "..")
      return wrong(entry, "is no name that a topic may have");
    if (source.length > MOST_SOURCE) {
      return wrong(
        entry,
        `has a source of ${source.length} characters; give it one of ${MOST_SOURCE} at most: source=topic`,
      );
    }
    if (names.sourceOf(topic) !== undefined) return wrong(entry, "is a topic of Apispool's own, which is read anyway");
    if (sources.has(source)) return wrong(entry, `gives the source "${source}" a second topic`);
    if (topics.has(topic)) return wrong(entry, "is a topic that is named twice");
    sources.add(source);
    topics.add(topic);
    return [{ source, topic }];
  });
}

/** A source and the topic that it is read from. */
export interface SourceTopic extends TopicInfo {
  readonly source: string;
}

/**
 * What there is to read among all topics: Apispool's own, and those that it has been pointed at. `missing` says of each of
 * the others that cannot be read why.
 */
export function sourceTopics(
  all: readonly TopicInfo[],
  names: Names,
  foreign: readonly ForeignTopic[],
): { readonly topics: readonly SourceTopic[]; readonly missing: ReadonlyMap<string, string> } {
  const missing = new Map<string, string>();
  const own = all.flatMap((topic): SourceTopic[] => {
    const source = names.sourceOf(topic.name);
    return source === undefined ? [] : [{ ...topic, source }];
  });
  const bySource = new Map(own.map((topic) => [topic.source, topic]));
  const taken = new Set(own.map((topic) => topic.name));
  const byName = new Map(all.map((topic) => [topic.name, topic]));
  const add = (source: string, topic: TopicInfo): void => {
    const other = bySource.get(source);
    if (other === undefined) {
      bySource.set(source, { ...topic, source });
      taken.add(topic.name);
    } else
      missing.set(
        source,
        `READER_TOPICS gives it the topic "${topic.name}", but "${other.name}" has that name already`,
      );
  };
  for (const one of foreign) {
    if ("prefix" in one) continue;
    const topic = byName.get(one.topic);
    if (topic !== undefined) add(one.source, topic);
    else if (!bySource.has(one.source)) {
      missing.set(one.source, `its topic "${one.topic}" (READER_TOPICS) does not exist in Kafka, or may not be read`);
    }
  }
  for (const one of foreign) {
    if (!("prefix" in one)) continue;
    for (const topic of all) {
      if (topic.name.startsWith(one.prefix) && !taken.has(topic.name) && isData(topic.name, one.prefix, names)) {
        add(topic.name, topic);
      }
    }
  }
  return { topics: [...bySource.values()], missing };
}

/** Not what Kafka, its tools (by custom with an underscore before the name) and Apispool keep for themselves. */
function isData(topic: string, prefix: string, names: Names): boolean {
  return (prefix.startsWith("_") || !topic.startsWith("_")) && !topic.startsWith(names.prefix);
}
