import { describe, expect, it } from "@jest/globals";
import { ConfigError, EnvReader } from "@apispool/common/env.js";
import { namesFor } from "./topics.js";
import { type ForeignTopic, foreignTopicsFromEnv, sourceTopics } from "./foreign-topics.js";

function parse(text: string): readonly ForeignTopic[] {
  const env = new EnvReader({ READER_TOPICS: text });
  const topics = foreignTopicsFromEnv(env, "apispool");
  env.done();
  return topics;
}

const names = namesFor("apispool");
const topics = (...list: string[]) => list.map((name) => ({ name, topicId: name, partitions: [0] }));
const found = (all: readonly string[], foreign: readonly ForeignTopic[]) => {
  const { topics: there, missing } = sourceTopics(topics(...all), names, foreign);
  return { read: there.map(({ source, name }) => `${source}=${name}`), missing: [...missing] };
};

describe("READER_TOPICS", () => {
  it("is a list of topics, with another name for the source where one is given, and of beginnings", () => {
    expect(parse("orders, clicks=web.clicks.v1 ,logs.*")).toEqual([
      { source: "orders", topic: "orders" },
      { source: "clicks", topic: "web.clicks.v1" },
      { prefix: "logs." },
    ]);
    expect(parse("")).toEqual([]);
  });

  it.each([
    ["a,,b", /READER_TOPICS: "" names no topic; it must be a topic, source=topic, or/],
    ["a=", /"a=" names no topic/],
    ["=a", /"=a" names no topic/],
    ["a b", /"a b" names no topic/],
    ["a=b=c", /"a=b=c" names no topic/],
    ["a=b*", /"a=b\*" names no topic/],
    ["..", /"\.\." is no name that a topic may have/],
    ["x".repeat(101), /has a source of 101 characters; give it one of 100 at most: source=topic/],
    ["apispool.records.quakes", /is a topic of Apispool's own, which is read anyway/],
    ["a=x,a=y", /"a=y" gives the source "a" a second topic/],
    ["a=x,b=x", /"b=x" is a topic that is named twice/],
  ])("refuses %s", (text, problem) => {
    expect(() => parse(text)).toThrow(ConfigError);
    expect(() => parse(text)).toThrow(problem);
  });
});

describe("what there is to read", () => {
  it("is Apispool's own topics, and those that are named as long as they are there", () => {
    const foreign = parse("orders,clicks=web.clicks.v1");
    expect(found(["apispool.records.quakes", "apispool.state", "other", "web.clicks.v1"], foreign)).toEqual({
      read: ["quakes=apispool.records.quakes", "clicks=web.clicks.v1"],
      missing: [["orders", expect.stringMatching(/its topic "orders" \(READER_TOPICS\) does not exist in Kafka/)]],
    });
    expect(found(["orders", "web.clicks.v1"], foreign)).toEqual({
      read: ["orders=orders", "clicks=web.clicks.v1"],
      missing: [],
    });
  });

  it("gives a name that two would have to Apispool's own", () => {
    expect(found(["apispool.records.orders", "orders"], parse("orders"))).toEqual({
      read: ["orders=apispool.records.orders"],
      missing: [["orders", expect.stringMatching(/the topic "orders", but "apispool\.records\.orders" has that name/)]],
    });
  });

  it("takes all topics that begin alike, but not what Kafka, its tools and Apispool keep for themselves", () => {
    const all = ["__consumer_offsets", "_schemas", "apispool.records.a", "apispool.state", "b", "logs.x", "logs.y"];
    expect(found(all, parse("logs.*")).read).toEqual(["a=apispool.records.a", "logs.x=logs.x", "logs.y=logs.y"]);
    expect(found(all, parse("*,why=logs.y")).read).toEqual([
      "a=apispool.records.a",
      "why=logs.y",
      "b=b",
      "logs.x=logs.x",
    ]);
    expect(found(all, parse("_*")).read).toEqual([
      "a=apispool.records.a",
      "__consumer_offsets=__consumer_offsets",
      "_schemas=_schemas",
    ]);
  });
});
