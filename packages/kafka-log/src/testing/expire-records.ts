import type { Kafka } from "kafkajs";

/** Has Kafka let go of what is before an offset of partition 0, as a retention does. */
export async function expireRecords(kafka: Kafka, topic: string, before: number): Promise<void> {
  const admin = kafka.admin();
  await admin.connect();
  try {
    // kafkajs sends it to the leaders that it knows; of a topic that it has not looked at it knows none.
    await admin.fetchTopicOffsets(topic);
    await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: String(before) }] });
  } finally {
    await admin.disconnect();
  }
}
