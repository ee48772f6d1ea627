import { namesFor } from "@apispool/kafka-log/topics.js";

/** A topic that is read. */
export interface Shape {
  readonly source: string;
  readonly topic: string;
  readonly records: number;
  /** Bytes of each record's value. */
  readonly bytes: number;
  readonly partitions: number;
}

/** A topic for every size with every number of partitions. */
export function shapesOf(records: number, sizes: readonly number[], partitionCounts: readonly number[]): Shape[] {
  return sizes.flatMap((bytes) =>
    partitionCounts.map((partitions): Shape => {
      const source = `bench-${bytes}-${partitions}`;
      return { source, topic: namesFor("apispool").records(source), records, bytes, partitions };
    }),
  );
}

/** What a person calls it. */
export function describeShape({ records, bytes, partitions }: Shape): string {
  const where = partitions === 1 ? "one partition" : `${partitions} partitions`;
  return `${records.toLocaleString("en")} records of ${bytes} bytes in ${where}`;
}
