import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, expect, it } from "@jest/globals";
import { Harness, quakes } from "./testing/harness.js";

/** How often it is killed; APISPOOL_TEST_STORE_KILLS=100 is the long form. */
const kills = Number(process.env["APISPOOL_TEST_STORE_KILLS"] ?? 3);
const PER_KILL = 1500;
/** In the long form there is a second source, whose records are all too old and are removed. */
const agedPerKill = kills > 3 ? 2500 : 0;

let harness: Harness;
let child: ChildProcess | undefined;

afterEach(async () => {
  child?.kill("SIGKILL");
  await harness.stop();
});

/** The real process, with little in each transaction, so that there are many moments to be killed at. */
function start(): ChildProcess {
  // As the launcher has it: kafkajs gives a timer a negative delay.
  const flags = ["--disable-warning=TimeoutNegativeWarning"];
  const started = spawn(process.execPath, [...flags, join(import.meta.dirname, "main.js")], {
    env: {
      STORE: `sqlite:${join(harness.folder, "store")}`,
      STORE_ADDRESS: "127.0.0.1:0",
      METRICS_ADDRESS: "off",
      KAFKA_BROKERS: harness.brokers.join(","),
      TOPIC_PREFIX: harness.prefix,
      STORE_FETCH_BYTES: "8192",
      STORE_TTL: "aged=1m",
      LOG_FORMAT: "json",
    },
    stdio: ["ignore", "pipe", "inherit"],
  });
  child = started;
  return started;
}

/** How many records of a source the store has now, as another process sees it; 0 where it has not been made yet. */
async function recordsNow(source = "quakes"): Promise<number> {
  const store = await harness.openStore();
  try {
    return (await store.sizes()).find((one) => one.source === source)?.records ?? 0;
  } catch {
    return 0;
  } finally {
    await store.close();
  }
}

/** All of them, whenever it was killed: what is counted is what is there, and what is said is where the topic ended. */
async function agedAreGone(): Promise<void> {
  const end = (await harness.topicRows("aged")).length + kills;
  const store = await harness.openStore();
  for (;;) {
    const place = (await store.current.positions()).find(({ source }) => source === "aged");
    if (place?.nextOffset === end && (await store.read("aged", 0, 0, 1)).rows.length === 0) break;
    await sleep(50);
  }
  expect(await recordsNow("aged")).toBe(0);
  const [removal] = await store.removals();
  // Each transaction has a marker behind its records.
  expect(removal).toMatchObject({ source: "aged", beforeOffset: end - 1 });
  await store.close();
}

it(
  "has what Kafka has, record by record, however often it is killed",
  async () => {
    harness = await Harness.create();
    await harness.topic("quakes", 2);
    if (agedPerKill > 0) await harness.topic("aged");
    const old = Date.now() - 86_400_000;
    let seed = 7;
    const random = (below: number): number => (seed = (seed * 48_271) % 2_147_483_647) % below;
    for (let kill = 0; kill < kills; kill += 1) {
      const records = quakes(PER_KILL, kill * PER_KILL).map((one, i) => ({ ...one, partition: i % 2 }));
      await harness.write("quakes", records);
      if (kill % 2 === 1) await harness.write("quakes", quakes(50), { abort: true });
      const aged = quakes(agedPerKill, kill * agedPerKill).map((one, i) => ({ ...one, ingestedMs: old + i }));
      if (agedPerKill > 0) await harness.write("aged", aged);
      const before = await recordsNow();
      const process = start();
      // Somewhere in the middle of its work: some of it is there, and what is not depends on the moment.
      while ((await recordsNow()) <= before) await sleep(5);
      await sleep(random(40));
      process.kill("SIGKILL");
      await once(process, "exit");
    }
    const last = start();
    // Before its first line it has no handler for signals yet.
    await once(last.stdout as Readable, "data");
    while ((await recordsNow()) < kills * PER_KILL) await sleep(50);
    for (const partition of [0, 1]) {
      const kept = await harness.storeRows("quakes", partition);
      expect(kept).toHaveLength((kills * PER_KILL) / 2);
      expect(kept).toEqual(await harness.topicRows("quakes", partition));
    }
    if (agedPerKill > 0) await agedAreGone();
    last.kill("SIGTERM");
    expect(await once(last, "exit")).toEqual([0, null]);
  },
  60_000 + kills * 20_000,
);
