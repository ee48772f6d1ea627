import { fetchUnread, getData } from "../ours.js";
import { type JavaConsumer, kafkajsConsumer } from "../peers.js";
import type { Timing } from "../timing.js";
import { librdkafkaConsumer, platformaticConsumer } from "./other-clients.js";
import { kafkaPixy } from "./pixy.js";
import type { Shape } from "./shape.js";
import { strimziBridge } from "./strimzi.js";

/** One way to read a topic. */
export interface Measurement {
  readonly key: string;
  readonly name: string;
  /** How many records it is to read. */
  readonly records: number;
  /** Reads everything that a new reader of that name has not read. */
  readonly read: (reader: string) => Promise<Timing>;
  /** One of Apispool's: a second read must find nothing unread. */
  readonly ours: boolean;
}

/** Where everything is that is measured. */
export interface Parties {
  readonly brokers: string;
  /** host:port. */
  readonly reader: string;
  readonly gateway: string;
  readonly java: JavaConsumer | undefined;
  /** A Python that has librdkafka. */
  readonly librdkafka: string | undefined;
  /** URLs of bridges that whoever runs this has started in front of the benchmark's Kafka. */
  readonly strimzi: string | undefined;
  readonly pixy: string | undefined;
}

/** kafka-pixy gives a record a request: so many are enough to know how fast. */
const PIXY_RECORDS = 20_000;

/** Every way to read a topic of that shape: the peers' first. */
export function measurementsOf(shape: Shape, parties: Parties): Measurement[] {
  const { brokers, reader, gateway, java, librdkafka, strimzi, pixy } = parties;
  const { topic, records, source, partitions } = shape;
  const url = (name: string): string => `http://${gateway}/data?reader=${name}&source=${source}`;
  const peer = (key: string, name: string, read: Measurement["read"], count = records): Measurement => ({
    key,
    name,
    records: count,
    read,
    ours: false,
  });
  const ours = (key: string, name: string, read: Measurement["read"]): Measurement => ({
    key,
    name,
    records,
    read,
    ours: true,
  });
  const few = Math.min(records, PIXY_RECORDS);
  return [
    peer("kafkajs", "kafkajs consumer, eachBatch", async () => kafkajsConsumer(brokers, topic, records)),
    ...(java === undefined
      ? []
      : [peer("java", "Kafka's consumer-perf tool (Java)", async () => java.read(brokers, topic, records))]),
    peer("platformatic", "@platformatic/kafka consumer", async () => platformaticConsumer(brokers, topic, records)),
    ...(librdkafka === undefined
      ? []
      : [
          peer("librdkafka", "librdkafka, by its Python client", async (group) =>
            librdkafkaConsumer(librdkafka, brokers, topic, records, group),
          ),
        ]),
    ...(strimzi === undefined
      ? []
      : [peer("strimzi", "Strimzi Kafka Bridge", async (group) => strimziBridge(strimzi, topic, group, records))]),
    ...(pixy === undefined
      ? []
      : [peer("pixy", "kafka-pixy", async (group) => kafkaPixy(pixy, topic, group, few, partitions), few)]),
    ours("grpcReader", "gRPC, from the reader", async (name) => fetchUnread(reader, name, [source])),
    ours("grpcGateway", "gRPC, through the gateway", async (name) => fetchUnread(gateway, name, [source])),
    ours("ndjson", "GET /data, NDJSON", async (name) => getData(url(name), "application/x-ndjson")),
    ours("json", "GET /data, JSON", async (name) => getData(url(name), "application/json")),
  ];
}
