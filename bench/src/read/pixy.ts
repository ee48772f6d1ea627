import http from "node:http";
import type { Timing } from "../timing.js";
import { httpCall, httpOk } from "./http-call.js";

/** Its answer where a long poll brought nothing. */
const NOTHING_NEW = 408;
const MOST_EMPTY = 20;

/**
 * kafka-pixy: one record an answer, acknowledged by the next request. A new group would begin at the topic's end, so it is
 * first set to its beginning. As many as are asked for are read, not the whole topic: at a record a request that takes too long.
 */
export async function kafkaPixy(
  url: string,
  topic: string,
  group: string,
  records: number,
  partitions: number,
): Promise<Timing> {
  const agent = new http.Agent({ keepAlive: true });
  const base = `${url.replace(/\/$/, "")}/topics/${topic}`;
  try {
    await httpOk(agent, "POST", `${base}/offsets?group=${group}`, {
      headers: { "content-type": "application/json" },
      json: Array.from({ length: partitions }, (_, partition) => ({ partition, offset: 0 })),
    });
    let started = performance.now();
    let count = 0;
    for (let empty = 0; count < records;) {
      const asked = performance.now();
      const { status, body } = await httpCall(agent, "GET", `${base}/messages?group=${group}`);
      if (status === NOTHING_NEW && empty < MOST_EMPTY) {
        empty += 1;
        continue;
      }
      if (status !== 200) throw new Error(`kafka-pixy answered ${status}: ${body.toString("utf8", 0, 300)}`);
      if (count === 0) started = asked;
      count += 1;
      empty = 0;
    }
    return { records: count, seconds: (performance.now() - started) / 1000 };
  } finally {
    agent.destroy();
  }
}
