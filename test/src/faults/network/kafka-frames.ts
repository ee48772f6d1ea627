/** The kinds of requests that Kafka's protocol has and that matter here, by their API keys. */
export const kafkaApis = {
  Produce: 0,
  Fetch: 1,
  ListOffsets: 2,
  Metadata: 3,
  OffsetCommit: 8,
  OffsetFetch: 9,
  FindCoordinator: 10,
  JoinGroup: 11,
  Heartbeat: 12,
  SyncGroup: 14,
  InitProducerId: 22,
  AddPartitionsToTxn: 24,
  AddOffsetsToTxn: 25,
  EndTxn: 26,
} as const;

export type KafkaApi = keyof typeof kafkaApis;

const names = new Map<number, KafkaApi>(Object.entries(kafkaApis).map(([name, key]) => [key, name as KafkaApi]));

/** What a request says of itself: the header of every version begins with these. */
export function requestHeader(frame: Buffer): { readonly api: KafkaApi | undefined; readonly correlation: number } {
  return { api: names.get(frame.readInt16BE(4)), correlation: frame.readInt32BE(8) };
}

/** What request a reply is to. */
export function correlationOf(reply: Buffer): number {
  return reply.readInt32BE(4);
}

/** Makes whole frames of a stream's pieces: four bytes of length, and so many bytes. */
export class Frames {
  #pieces: Buffer[] = [];
  #size = 0;

  /** The frames that are complete now, their length in front. */
  take(piece: Buffer): Buffer[] {
    this.#pieces.push(piece);
    this.#size += piece.length;
    const frames: Buffer[] = [];
    for (;;) {
      const wanted = this.#wanted();
      if (this.#size < wanted) return frames;
      const all = Buffer.concat(this.#pieces);
      frames.push(all.subarray(0, wanted));
      this.#pieces = [all.subarray(wanted)];
      this.#size -= wanted;
    }
  }

  /** How many bytes the first frame has; where even its length is not there yet, those of that. */
  #wanted(): number {
    if (this.#size < 4) return 4;
    if ((this.#pieces[0]?.length ?? 0) < 4) this.#pieces = [Buffer.concat(this.#pieces)];
    return 4 + (this.#pieces[0]?.readInt32BE(0) ?? 0);
  }
}
