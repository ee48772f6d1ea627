import net from "node:net";
import { Kafka, logLevel } from "kafkajs";
import type { Random } from "../../support/random.js";

/** At most so many partitions at once. */
const MOST = 8;
const TIMEOUT_MS = 5000;

/**
 * Gives some partitions another leader, with nobody dying: their replicas' order is changed, and the first one elected.
 * Returns their names.
 */
export async function moveLeaders(brokers: readonly string[], random: Random): Promise<string[]> {
  const client = { brokers: [...brokers], clientId: "faults", logLevel: logLevel.NOTHING, retry: { retries: 2 } };
  const admin = new Kafka(client).admin();
  await admin.connect();
  try {
    const { topics } = await admin.fetchTopicMetadata();
    const all = topics.flatMap(({ name, partitions }) =>
      partitions
        .filter(({ isr, replicas }) => replicas.length > 1 && isr.length === replicas.length)
        .map((partition) => ({ topic: name, ...partition })),
    );
    const drawn = Array.from({ length: Math.min(MOST, all.length) }, () =>
      all.splice(random.below(all.length), 1),
    ).flat();
    if (drawn.length === 0) return [];
    await admin.alterPartitionReassignments({
      topics: drawn.map(({ topic, partitionId, leader, replicas }) => {
        const others = replicas.filter((replica) => replica !== leader);
        const [first = leader] = others.splice(random.below(others.length), 1);
        return { topic, partitionAssignment: [{ partition: partitionId, replicas: [first, ...others, leader] }] };
      }),
      timeout: TIMEOUT_MS,
    });
    const { brokers: nodes, controller } = await admin.describeCluster();
    const at = nodes.find(({ nodeId }) => nodeId === controller) ?? nodes[0];
    if (at !== undefined) await electFirst(at, drawn);
    return drawn.map(({ topic, partitionId }) => `${topic}-${partitionId}`);
  } finally {
    await admin.disconnect();
  }
}

/** ElectLeaders v0 (KIP-183), which kafkajs lacks: the first replica of each becomes the leader. Resolves with the answer. */
async function electFirst(
  broker: { readonly host: string; readonly port: number },
  partitions: readonly { readonly topic: string; readonly partitionId: number }[],
): Promise<void> {
  const body = [int(2, 43), int(2, 0), int(4, 1), int(2, -1), int(4, partitions.length)];
  for (const { topic, partitionId } of partitions) {
    const name = Buffer.from(topic);
    body.push(int(2, name.length), name, int(4, 1), int(4, partitionId));
  }
  body.push(int(4, TIMEOUT_MS));
  const request = Buffer.concat(body);
  const socket = net.connect(broker.port, broker.host);
  socket.setTimeout(2 * TIMEOUT_MS, () => socket.destroy(new Error("no answer to ElectLeaders")));
  socket.write(Buffer.concat([int(4, request.length), request]));
  await new Promise<void>((resolve, reject) => {
    socket.once("data", () => resolve());
    socket.once("error", reject);
    socket.once("end", () => reject(new Error("the broker hung up on ElectLeaders")));
  }).finally(() => socket.destroy());
}

function int(bytes: 2 | 4, value: number): Buffer {
  const buffer = Buffer.alloc(bytes);
  buffer.writeIntBE(value, 0, bytes);
  return buffer;
}
