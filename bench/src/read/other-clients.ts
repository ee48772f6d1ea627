import { join } from "node:path";
import { Consumer, MessagesStreamModes } from "@platformatic/kafka";
import { runCommand } from "@apispool/launcher/command.js";
import { root } from "../test-bed.js";
import type { Timing } from "../timing.js";

/** @platformatic/kafka's stream of messages; timed from when the stream is there, as its group has formed by then. */
export async function platformaticConsumer(brokers: string, topic: string, records: number): Promise<Timing> {
  const consumer = new Consumer({
    clientId: "bench-platformatic",
    groupId: `bench-platformatic-${process.pid}-${Date.now()}`,
    bootstrapBrokers: brokers.split(","),
  });
  const stream = await consumer.consume({
    topics: [topic],
    mode: MessagesStreamModes.EARLIEST,
    autocommit: false,
    maxBytes: 8 * 1024 * 1024,
    maxWaitTime: 500,
  });
  const started = performance.now();
  let count = 0;
  try {
    for await (const _message of stream) {
      count += 1;
      if (count >= records) break;
    }
    return { records: count, seconds: (performance.now() - started) / 1000 };
  } finally {
    await consumer.close(true);
  }
}

/** librdkafka by its Python client; `python` is one that has the package confluent-kafka. */
export async function librdkafkaConsumer(
  python: string,
  brokers: string,
  topic: string,
  records: number,
  group: string,
): Promise<Timing> {
  const program = join(root, "bench", "peers", "librdkafka_consumer.py");
  const { code, text } = await runCommand(python, [program, brokers, topic, String(records), group]);
  const [count, seconds, memory] = (text.trim().split("\n").at(-1) ?? "").split(" ").map(Number);
  if (code !== 0 || count === undefined || seconds === undefined)
    throw new Error(`librdkafka's client failed:\n${text}`);
  return { records: count, seconds, memory };
}

/** Why librdkafka cannot be measured with that Python; undefined where it can. */
export async function librdkafkaMissing(python: string | undefined): Promise<string | undefined> {
  if (python === undefined) return "no LIBRDKAFKA_PYTHON";
  const { code } = await runCommand(python, ["-c", "import confluent_kafka"]);
  return code === 0 ? undefined : `${python} has no confluent-kafka`;
}
