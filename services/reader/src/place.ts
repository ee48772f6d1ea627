import type { TopicPartition } from "@apispool/kafka-log/log-reader.js";

/** Where a reader stands in one partition of a source. */
export interface Place extends TopicPartition {
  readonly source: string;
  /** The topic id (KIP-516): another one means that the topic was deleted and made again. */
  readonly topicId: string;
  /** The offset of the next record to be read. */
  readonly offset: number;
}

/** A partition's name as a key of maps. */
export function keyOf({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`;
}

/** Places by partition. */
export function placesByKey(places: readonly Place[]): Map<string, Place> {
  return new Map(places.map((place) => [keyOf(place), place]));
}
