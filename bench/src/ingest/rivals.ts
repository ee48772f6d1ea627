/*
 * Programs that poll HTTP into Kafka, and what each is told to do the benchmark's job, as its own documentation says.
 * None of them deduplicates, keeps its place, or writes exactly once; none writes headers.
 */

/** One job: an API's records, each as a record of a topic. */
export interface RivalJob {
  /** Of the API, without a query. */
  readonly url: string;
  readonly brokers: string;
  readonly topic: string;
  readonly records: number;
  /** Records on a page. */
  readonly perPage: number;
}

export interface Rival {
  /** In the table. */
  readonly name: string;
  /** As it is called on the PATH. */
  readonly program: string;
  readonly shape: "pages" | "lines";
  /** The ending of its configuration's name. */
  readonly ending: string;
  readonly config: (job: RivalJob) => string;
  readonly args: (configFile: string) => readonly string[];
}

const benthos = { program: "benthos", ending: "yaml", args: (file: string) => ["-c", file] } as const;

export const rivals: readonly Rival[] = [
  {
    ...benthos,
    name: "Benthos, JSON pages, following them",
    shape: "pages",
    config: (job) =>
      benthosConfig(job, {
        // The page before is at hand in the next request's address; behind the last one it begins again, and is stopped.
        input: {
          http_client: { url: `${job.url}\${! ("?page=" + this.next.not_null()) | "" }`, verb: "GET", timeout: "60s" },
        },
        pipeline: {
          threads: 1,
          processors: [{ mapping: "root = this.items" }, { unarchive: { format: "json_array" } }],
        },
      }),
  },
  {
    ...benthos,
    name: "Benthos, JSON pages, their numbers given",
    shape: "pages",
    config: (job) =>
      benthosConfig(job, {
        input: {
          generate: {
            count: Math.ceil(job.records / job.perPage),
            interval: "",
            mapping: 'root = ""\nmeta page = counter() - 1',
          },
        },
        pipeline: {
          threads: 1,
          processors: [
            { http: { url: `${job.url}?page=\${! meta("page") }`, verb: "GET" } },
            { mapping: "root = this.items" },
            { unarchive: { format: "json_array" } },
          ],
        },
      }),
  },
  {
    ...benthos,
    name: "Benthos, one NDJSON answer",
    shape: "lines",
    config: (job) =>
      benthosConfig(job, {
        input: {
          http_client: {
            url: job.url,
            verb: "GET",
            timeout: "600s",
            stream: { enabled: true, reconnect: false, scanner: { lines: {} } },
          },
        },
      }),
  },
  {
    name: "Telegraf, JSON pages, their numbers given",
    program: "telegraf",
    shape: "pages",
    ending: "conf",
    config: telegrafConfig,
    args: (file) => ["--config", file],
  },
];

/** JSON is YAML, too. */
function benthosConfig({ brokers, topic }: RivalJob, parts: object): string {
  const config = {
    http: { enabled: false },
    logger: { level: "WARN" },
    ...parts,
    output: {
      kafka_franz: {
        seed_brokers: brokers.split(","),
        topic,
        key: '${! json("id") }',
        max_in_flight: 10,
        batching: { count: 1000, period: "20ms" },
        // As all others: a benchmark's text is the same words again and again, which compress to nothing.
        compression: "none",
      },
    },
  };
  return `${JSON.stringify(config, undefined, 2)}\n`;
}

/** It asks all addresses at once and once; its buffer has to hold all, or it drops what is too much. */
function telegrafConfig({ url, brokers, topic, records, perPage }: RivalJob): string {
  const pages = Array.from({ length: Math.ceil(records / perPage) }, (_, page) => `${url}?page=${page}`);
  const list = (values: readonly string[]): string => `[${values.map((value) => JSON.stringify(value)).join(", ")}]`;
  return `[agent]
  interval = "1h"
  round_interval = false
  flush_interval = "1s"
  metric_batch_size = 1000
  metric_buffer_limit = ${2 * records}
  omit_hostname = true
  quiet = true

[[inputs.http]]
  urls = ${list(pages)}
  timeout = "60s"
  data_format = "json_v2"
  [[inputs.http.json_v2]]
    [[inputs.http.json_v2.object]]
      path = "items"
      excluded_keys = ["tags"]

[[outputs.kafka]]
  brokers = ${list(brokers.split(","))}
  topic = ${JSON.stringify(topic)}
  idempotent_writes = true
  required_acks = -1
  data_format = "json"
`;
}
