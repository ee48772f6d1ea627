/** Batches of one writer are about equally large; markers stand between them. */
const MARGIN = 1.03;

/**
 * How many bytes of a partition to ask Kafka for: as many whole batches as there is room for. The broker gives what it is
 * asked for to the byte, and a batch that is cut off is of no use: it comes again with the next fetch.
 *
 * @param most what there is room for, in bytes
 * @param batch how large the partition's batches are, as far as is known
 */
export function fetchSize(most: number, batch: number | undefined): number {
  if (batch === undefined) return most;
  const each = batch * MARGIN;
  return each > most ? most : Math.ceil(Math.floor(most / each) * each);
}
