import http from "node:http";
import type { Timing } from "../timing.js";
import { httpCall, httpOk } from "./http-call.js";

const JSON_TYPE = "application/vnd.kafka.json.v2+json";
const API_TYPE = "application/vnd.kafka.v2+json";
/** As much as one answer of the bridge may hold, in bytes, and how long it may wait for that, in milliseconds. */
const MOST_BYTES = 8 * 1024 * 1024;
const WAIT_MS = 1000;
/** So many empty answers in a row mean that nothing comes any more. */
const MOST_EMPTY = 60;
const OFFSET = Buffer.from('"offset":');

/**
 * Strimzi Kafka Bridge (its HTTP API is that of Confluent's REST Proxy, v2): create a consumer, subscribe, poll. The clock
 * begins with the poll that brings the first records, so what its consumer's group takes to form does not count.
 */
export async function strimziBridge(url: string, topic: string, group: string, records: number): Promise<Timing> {
  const agent = new http.Agent({ keepAlive: true });
  const consumer = await create(agent, `${url.replace(/\/$/, "")}/consumers/${group}`);
  try {
    await httpOk(agent, "POST", `${consumer}/subscription`, {
      headers: { "content-type": API_TYPE },
      json: { topics: [topic] },
    });
    return await readAll(agent, consumer, records);
  } finally {
    await httpCall(agent, "DELETE", consumer, { headers: { "content-type": API_TYPE } });
    agent.destroy();
  }
}

async function create(agent: http.Agent, consumers: string): Promise<string> {
  const answer = await httpOk(agent, "POST", consumers, {
    headers: { "content-type": API_TYPE },
    json: {
      name: "bench",
      format: "json",
      "auto.offset.reset": "earliest",
      "enable.auto.commit": true,
      "isolation.level": "read_committed",
    },
  });
  const made: unknown = JSON.parse(answer.toString());
  const base = typeof made === "object" && made !== null && "base_uri" in made ? made.base_uri : undefined;
  if (typeof base !== "string") throw new Error(`the bridge did not say where its consumer is: ${answer.toString()}`);
  return base;
}

async function readAll(agent: http.Agent, consumer: string, records: number): Promise<Timing> {
  const url = `${consumer}/records?timeout=${WAIT_MS}&max_bytes=${MOST_BYTES}`;
  let started = performance.now();
  let count = 0;
  for (let empty = 0; count < records;) {
    const asked = performance.now();
    const came = countOf(await httpOk(agent, "GET", url, { headers: { accept: JSON_TYPE } }));
    if (count === 0) started = asked;
    count += came;
    empty = came === 0 ? empty + 1 : 0;
    if (empty > MOST_EMPTY) throw new Error(`the bridge gave ${count} of ${records} records, and then nothing more`);
  }
  return { records: count, seconds: (performance.now() - started) / 1000 };
}

/** Each record says its offset; the benchmark's values contain no such name. */
function countOf(body: Buffer): number {
  let count = 0;
  for (let at = body.indexOf(OFFSET); at !== -1; at = body.indexOf(OFFSET, at + OFFSET.length)) count += 1;
  return count;
}
