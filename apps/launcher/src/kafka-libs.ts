import { existsSync } from "node:fs";
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { runCommand } from "./command.js";

export const kafkaVersion = "4.3.1";

/** The logging binding of the slf4j that Kafka brings: without one the broker says nothing, its errors included. */
const log4jVersion = "2.25.4";

/** A local Kafka cannot be had. The message says why, and what to do. */
export class KafkaUnavailableError extends Error {
  override readonly name = "KafkaUnavailableError";
}

export interface KafkaLibsOptions {
  /** Where libraries are kept, `.apispool/kafka` as a rule; every broker of this checkout shares them. */
  readonly home: string;
  /** Also Kafka's command line tools (kafka-consumer-perf-test and others), for benchmarks. */
  readonly tools?: boolean;
  readonly say: (text: string) => void;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The folder with Apache Kafka's jars; downloaded from Maven Central when it is not there. A download counts only when
 * it is whole: it goes into a folder of its own, which gets its name at the end.
 */
export async function ensureKafkaLibs({ home, tools = false, say, signal }: KafkaLibsOptions): Promise<string> {
  const folder = join(home, kafkaVersion);
  const libs = join(folder, tools ? "libs-with-tools" : "libs");
  if (existsSync(libs)) return libs;
  await mkdir(folder, { recursive: true });
  const pom = join(folder, tools ? "pom-with-tools.xml" : "pom.xml");
  await writeFile(pom, pomFor(tools));
  const partial = `${libs}.${process.pid}.partial`;
  await rm(partial, { recursive: true, force: true });
  say(`downloading Apache Kafka ${kafkaVersion} with Maven (about 45 MB, only this once) …`);
  let files = 0;
  let saidAt = performance.now();
  const goal = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies";
  try {
    const { code, text, missing } = await runCommand(
      "mvn",
      ["-B", "-f", pom, goal, `-DoutputDirectory=${partial}`, "-DincludeScope=runtime"],
      {
        ...(signal === undefined ? {} : { signal }),
        onLine: (line) => {
          if (/Downloaded from .*\.jar/.test(line)) files += 1;
          if (performance.now() - saidAt < 5000) return;
          saidAt = performance.now();
          say(`… ${files} files so far`);
        },
      },
    );
    if (missing) throw new KafkaUnavailableError("there is no Maven (mvn)");
    if (code !== 0) throw new KafkaUnavailableError(`Kafka could not be downloaded:\n${mavenErrors(text)}`);
    await rename(partial, libs).catch((error: unknown) => {
      // Somebody else finished the same download a moment ago: theirs is as good.
      if (!existsSync(libs)) throw error;
    });
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
  return libs;
}

/** What Maven says went wrong, without its advice on how to run Maven. */
function mavenErrors(text: string): string {
  const errors = text.split("\n").filter((line) => line.startsWith("[ERROR]") && line.length > 8);
  const useful = errors.filter(
    (line) => !/To see the full stack|Re-run Maven|For more information|\[Help \d\] http/.test(line),
  );
  return (useful.length > 0 ? useful : text.split("\n")).slice(-6).join("\n");
}

function pomFor(tools: boolean): string {
  const dependencies = [
    ["org.apache.kafka", "kafka_2.13", kafkaVersion],
    ["org.apache.logging.log4j", "log4j-slf4j-impl", log4jVersion],
    ...(tools ? [["org.apache.kafka", "kafka-tools", kafkaVersion]] : []),
  ].map(
    ([group, artifact, version]) =>
      `    <dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version></dependency>`,
  );
  return `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>apispool</groupId>
  <artifactId>local-kafka</artifactId>
  <version>1</version>
  <dependencies>
${dependencies.join("\n")}
  </dependencies>
</project>
`;
}
