import { join } from "node:path";
import { writeFile } from "node:fs/promises";
import { runCommand } from "@apispool/launcher/command.js";
import { findJava } from "@apispool/launcher/java.js";
import { ensureKafkaLibs } from "@apispool/launcher/kafka-libs.js";
import type { Variables } from "@apispool/launcher/services.js";
import { kafkaHome, resultsDir } from "../test-bed.js";
import { recordText } from "./records.js";

/** kafkajs from memory; tells the seconds, and those of the processor. */
export async function kafkajsProducer(
  brokers: string,
  topic: string,
  records: number,
  bytes: number,
): Promise<{ seconds: number; cpu: number }> {
  const main = join(import.meta.dirname, "kafkajs-main.js");
  const { code, text } = await runCommand(process.execPath, [
    "--disable-warning=TimeoutNegativeWarning",
    main,
    brokers,
    topic,
    String(records),
    String(bytes),
  ]);
  const [seconds = Number.NaN, cpu = Number.NaN] = (text.trim().split("\n").at(-1) ?? "").split(" ").map(Number);
  if (code !== 0 || !(seconds > 0)) throw new Error(`the kafkajs producer failed:\n${text}`);
  return { seconds, cpu };
}

/** Kafka's own producer-perf tool (Java). It writes values alone, without keys and headers. */
export class JavaProducer {
  readonly #java: string;
  readonly #classPath: string;

  private constructor(java: string, classPath: string) {
    this.#java = java;
    this.#classPath = classPath;
  }

  /** Downloads the tool; a string says why it cannot be had. */
  static async prepare(env: Variables, say: (text: string) => void): Promise<JavaProducer | string> {
    const java = await findJava(env);
    if ("problem" in java) return java.problem;
    try {
      return new JavaProducer(java.command, join(await ensureKafkaLibs({ home: kafkaHome, tools: true, say }), "*"));
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }

  /** Tells the seconds, by the tool's own rate. */
  async write(brokers: string, topic: string, records: number, bytes: number): Promise<number> {
    const payload = join(resultsDir, "payload.txt");
    await writeFile(payload, Array.from({ length: 1000 }, (_, n) => recordText(n, bytes)).join("\n"));
    const tool = ["-cp", this.#classPath, "org.apache.kafka.tools.ProducerPerformance"];
    const what = ["--topic", topic, "--num-records", String(records), "--throughput", "-1", "--payload-file", payload];
    const how = ["--producer-props", `bootstrap.servers=${brokers}`, "acks=all", "enable.idempotence=true"];
    const { code, text } = await runCommand(this.#java, [...tool, ...what, ...how]);
    const rate = Number(/ records sent, ([\d.]+) records\/sec/.exec(text.trim().split("\n").at(-1) ?? "")?.[1]);
    if (code !== 0 || !(rate > 0)) throw new Error(`the producer-perf tool printed no figures:\n${text}`);
    return records / rate;
  }
}
