import { Kafka, logLevel } from "kafkajs";
import { namesFor } from "@apispool/kafka-log/topics.js";
import type { ReadingClient } from "./clients/reading-client.js";
import type { Fault } from "./fault.js";
import type { History } from "./history.js";
import { type Trouble, type Upstreams, troubles } from "./upstreams.js";
import type { Witness } from "./witness.js";

/** What retention leaves. */
const LEFT = 150;

/** An API misbehaves. */
export function upstreamFaults(upstreams: Upstreams): readonly Fault[] {
  return troubles.map((trouble: Trouble): Fault => ({
    kind: `upstream: ${trouble}`,
    weight: 0.5,
    lastsMs: [300, 4000],
    async inject(random) {
      const source = upstreams.names[random.below(upstreams.names.length)] ?? "";
      const end = upstreams.trouble(source, trouble);
      return { what: `upstream of ${source}: ${trouble}`, heal: async () => end() };
    },
  }));
}

/** A client is gone in the middle of an answer. */
export function clientFaults(clients: readonly ReadingClient[]): readonly Fault[] {
  return [
    {
      kind: "client vanishes",
      weight: 3,
      lastsMs: [0, 0],
      async inject(random) {
        const client = clients[random.below(clients.length)];
        client?.vanish();
        return { what: `client ${client?.name ?? ""} vanishes`, heal: async () => undefined };
      },
    },
  ];
}

/** Kafka deletes old records of "lines", as retention does, whether they were read or not. */
export function retentionFault(brokers: string, prefix: string, witness: Witness, history: History): Fault {
  return {
    kind: "retention",
    weight: 0.5,
    lastsMs: [0, 0],
    async inject() {
      const source = "lines";
      const below = witness.offset(source) - LEFT;
      const nothing = { what: "retention finds nothing", heal: async () => undefined };
      if (below <= 0) return nothing;
      // Said before, because it is not known when it happens, nor whether it does.
      history.add({ kind: "expire", source, below });
      const kafka = new Kafka({
        brokers: brokers.split(","),
        clientId: "faults-retention",
        logLevel: logLevel.NOTHING,
      });
      const admin = kafka.admin();
      try {
        await admin.connect();
        await admin.deleteTopicRecords({
          topic: namesFor(prefix).records(source),
          partitions: [{ partition: 0, offset: String(below) }],
        });
      } catch {
        return nothing;
      } finally {
        await admin.disconnect().catch(() => undefined);
      }
      return { what: `retention deletes "${source}" below ${below}`, heal: async () => undefined };
    },
  };
}
