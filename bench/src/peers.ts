import { spawn } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { Kafka, logLevel } from "kafkajs";

/** How long reading took, in seconds, and how many records came. */
export interface Timing {
  readonly records: number;
  readonly seconds: number;
}

/** A plain kafkajs consumer with eachBatch, timed from the first batch it was handed to the last. */
export async function kafkajsConsumer(brokers: readonly string[], topic: string, records: number): Promise<Timing> {
  const kafka = new Kafka({ brokers: [...brokers], clientId: "bench-peer", logLevel: logLevel.NOTHING });
  const consumer = kafka.consumer({ groupId: `bench-${process.pid}-${Date.now()}`, maxBytesPerPartition: 4_194_304 });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  const started = performance.now();
  let count = 0;
  await new Promise<void>((resolve, reject) => {
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
  const seconds = (performance.now() - started) / 1000;
  await consumer.disconnect();
  return { records: count, seconds };
}

const toolsVersion = "4.3.1";

/** Kafka's own consumer-perf tool (Java); undefined where Java or Maven is missing. */
export async function javaConsumer(
  brokers: readonly string[],
  topic: string,
  records: number,
  dir: string,
): Promise<Timing | undefined> {
  const libs = join(dir, `kafka-tools-${toolsVersion}`);
  if (!existsSync(libs) && !(await fetchTools(dir, libs))) return undefined;
  const output = await run("java", [
    "-cp",
    join(libs, "*"),
    "org.apache.kafka.tools.ConsumerPerformance",
    "--bootstrap-server",
    brokers.join(","),
    "--topic",
    topic,
    "--num-records",
    String(records),
    "--timeout",
    "60000",
  ]);
  // Columns: start, end, MB, MB/s, records, records/s, rebalance ms, fetch ms, MB/s while fetching, records/s while fetching.
  const row = output
    .split("\n")
    .find((line) => /^\d{4}-/.test(line))
    ?.split(",")
    .map((s) => s.trim());
  const [, , , , count, , , fetchMs] = row ?? [];
  if (count === undefined || fetchMs === undefined)
    throw new Error(`the consumer-perf tool printed no figures:\n${output}`);
  return { records: Number(count), seconds: Number(fetchMs) / 1000 };
}

async function fetchTools(dir: string, libs: string): Promise<boolean> {
  const work = join(dir, "kafka-tools-pom");
  await mkdir(work, { recursive: true });
  await writeFile(
    join(work, "pom.xml"),
    `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>apispool</groupId><artifactId>bench</artifactId><version>1</version><dependencies><dependency>
<groupId>org.apache.kafka</groupId><artifactId>kafka-tools</artifactId><version>${toolsVersion}</version>
</dependency></dependencies></project>`,
  );
  try {
    await run("mvn", [
      "-q",
      "-B",
      "-f",
      join(work, "pom.xml"),
      "dependency:copy-dependencies",
      `-DoutputDirectory=${libs}`,
    ]);
    return true;
  } catch {
    return false;
  }
}

function run(command: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    child.stdout.on("data", (data: Buffer) => (output += data.toString()));
    child.stderr.on("data", (data: Buffer) => (output += data.toString()));
    child.on("error", reject);
    child.on("exit", (code) => (code === 0 ? resolve(output) : reject(new Error(`${command} failed: ${output}`))));
  });
}
