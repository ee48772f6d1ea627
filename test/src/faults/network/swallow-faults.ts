import { Random } from "../../support/random.js";
import type { Fault } from "../fault.js";
import type { KafkaApi } from "./kafka-frames.js";
import type { SwallowingProxy } from "./swallowing-proxy.js";

/** Proxies before all brokers, on one kind of client's way. */
export interface Guarded {
  /** "ingestor". */
  readonly client: string;
  readonly proxies: readonly SwallowingProxy[];
  /** What this client asks of which the reply matters. */
  readonly apis: readonly KafkaApi[];
}

export const ingestorApis: readonly KafkaApi[] = ["Produce", "AddPartitionsToTxn", "EndTxn", "InitProducerId", "Fetch"];
export const readerApis: readonly KafkaApi[] = ["OffsetCommit", "OffsetFetch", "Fetch", "ListOffsets"];

/** A share of all replies, as a network does it that loses some. */
const SHARE = 0.02;

export function swallowFaults(guarded: readonly Guarded[]): Fault[] {
  const draw = (random: Random): Guarded => {
    const drawn = guarded[random.below(guarded.length)];
    if (drawn === undefined) throw new Error("there is no way to a broker whose replies could be swallowed");
    return drawn;
  };
  const drawFate = (random: Random): "keep" | "close" => (random.below(2) === 0 ? "keep" : "close");
  const told = { keep: "the connection stays", close: "the connection is closed" } as const;
  return [
    {
      kind: "swallowed replies, 2 %",
      weight: 2,
      lastsMs: [5000, 30_000],
      async inject(random) {
        const { client, proxies, apis } = draw(random);
        const fate = drawFate(random);
        // What follows is drawn from a seed of its own: how many replies come by is not the nemesis's to say.
        const chance = new Random(random.below(2 ** 31));
        const ends = proxies.map((proxy) =>
          proxy.swallow({ apis, connection: fate, decide: () => chance.next() < SHARE }),
        );
        return {
          what: `2 % of the ${client}'s replies to ${apis.join(", ")} are swallowed (${told[fate]})`,
          heal: async () => ends.forEach((end) => end()),
        };
      },
    },
    {
      kind: "swallowed reply, the next",
      weight: 3,
      lastsMs: [1000, 10_000],
      async inject(random) {
        const { client, proxies, apis } = draw(random);
        const fate = drawFate(random);
        const api = apis[random.below(apis.length)] ?? "Fetch";
        let over = false;
        const ends = proxies.map((proxy) =>
          proxy.swallow({
            apis: [api],
            connection: fate,
            decide: () => {
              const first = !over;
              over = true;
              return first;
            },
          }),
        );
        return {
          what: `the ${client}'s next reply to ${api} is swallowed (${told[fate]})`,
          heal: async () => ends.forEach((end) => end()),
        };
      },
    },
  ];
}
