import { Kafka, logLevel } from "kafkajs";
import { runCommand } from "@apispool/launcher/command.js";
import { findJava } from "@apispool/launcher/java.js";
import { ensureKafkaLibs } from "@apispool/launcher/kafka-libs.js";
import type { Variables } from "@apispool/launcher/services.js";
import { join } from "node:path";
import { PeakMemory } from "./peak-memory.js";
import type { Timing } from "./timing.js";

/** A plain kafkajs consumer with eachBatch; timed from when it has joined its group, which takes it seconds, to the last batch. */
export async function kafkajsConsumer(brokers: string, topic: string, records: number): Promise<Timing> {
  const kafka = new Kafka({ brokers: brokers.split(","), clientId: "bench-peer", logLevel: logLevel.NOTHING });
  const consumer = kafka.consumer({ groupId: `bench-${process.pid}-${Date.now()}`, maxBytesPerPartition: 4_194_304 });
  let started = performance.now();
  let count = 0;
  consumer.on(consumer.events.GROUP_JOIN, () => (started = performance.now()));
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  try {
    await new Promise<void>((resolve, reject) => {
      consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error));
      consumer
        .run({
          autoCommit: false,
          eachBatch: async ({ batch }) => {
            count += batch.messages.length;
            if (count >= records) resolve();
          },
        })
        .catch(reject);
    });
    return { records: count, seconds: (performance.now() - started) / 1000 };
  } finally {
    await consumer.disconnect();
  }
}

/** Kafka's own consumer-perf tool (Java), timed by itself, without the time that it took to join its group. */
export class JavaConsumer {
  readonly #java: string;
  readonly #classPath: string;

  private constructor(java: string, classPath: string) {
    this.#java = java;
    this.#classPath = classPath;
  }

  /** Downloads the tool; a string says why it cannot be had. */
  static async prepare(home: string, env: Variables, say: (text: string) => void): Promise<JavaConsumer | string> {
    const java = await findJava(env);
    if ("problem" in java) return java.problem;
    try {
      const libs = await ensureKafkaLibs({ home, tools: true, say });
      return new JavaConsumer(java.command, join(libs, "*"));
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }

  async read(brokers: string, topic: string, records: number): Promise<Timing> {
    const tool = ["-cp", this.#classPath, "org.apache.kafka.tools.ConsumerPerformance"];
    const what = ["--bootstrap-server", brokers, "--topic", topic, "--num-records", String(records)];
    const memory = new PeakMemory();
    const { code, text } = await runCommand(this.#java, [...tool, ...what, "--timeout", "60000"], {
      onStart: (pid) => memory.watch(pid),
    });
    // Columns: start, end, MB, MB/s, records, records/s, rebalance ms, fetch ms, MB/s and records/s while fetching.
    const row = text.split("\n").find((line) => /^\d{4}-/.test(line));
    const [, , , , count, , , fetchMs] = row?.split(",").map((column) => column.trim()) ?? [];
    if (code !== 0 || count === undefined || fetchMs === undefined) {
      throw new Error(`the consumer-perf tool printed no figures:\n${text}`);
    }
    return { records: Number(count), seconds: Number(fetchMs) / 1000, memory: memory.stop() };
  }
}
