import type { Random } from "../../support/random.js";
import type { Fault, Harm } from "../fault.js";
import type { Stream, Toxic, Way } from "./way.js";

const directions: readonly { readonly streams: readonly Stream[]; readonly told: string }[] = [
  { streams: ["upstream", "downstream"], told: "in both directions" },
  { streams: ["upstream"], told: "towards the server" },
  { streams: ["downstream"], told: "towards the client" },
];

/** What a network can do to the ways between the parts. Each fault draws one of the ways. */
export function networkFaults(ways: readonly Way[]): Fault[] {
  const drawWay = (random: Random): Way => {
    const way = ways[random.below(ways.length)];
    if (way === undefined) throw new Error("there is no way on which the network could fail");
    return way;
  };
  const toxicFault = (
    fault: Omit<Fault, "inject"> & {
      /** Ends the connections when it begins, so that it is with all of them from their first byte. */
      readonly fromTheFirstByte?: boolean;
      /** Ends them when it is over: what was lost from their middle would never come. */
      readonly losesBytes?: boolean;
      toxic(random: Random): Toxic;
      tell(toxic: Toxic): string;
    },
  ): Fault => ({
    kind: fault.kind,
    weight: fault.weight,
    lastsMs: fault.lastsMs,
    async inject(random): Promise<Harm> {
      const way = drawWay(random);
      const { streams, told } = directions[random.below(directions.length)] ?? { streams: [], told: "" };
      const toxic = fault.toxic(random);
      const removals: (() => Promise<void>)[] = [];
      for (const stream of streams) removals.push(await way.add(toxic, stream));
      if (fault.fromTheFirstByte === true) await way.hangUp();
      return {
        what: `${way.name}: ${fault.tell(toxic)} ${told}`,
        heal: async () => {
          for (const remove of removals) await remove();
          if (fault.losesBytes === true) await way.hangUp();
        },
      };
    },
  });
  return [
    {
      kind: "cut",
      weight: 4,
      lastsMs: [100, 15_000],
      async inject(random) {
        const way = drawWay(random);
        await way.cut();
        return { what: `${way.name}: cut`, heal: async () => way.mend() };
      },
    },
    toxicFault({
      kind: "half-open",
      weight: 3,
      lastsMs: [2000, 20_000],
      losesBytes: true,
      toxic: () => ({ type: "timeout", timeoutMs: 0 }),
      tell: () => "nothing passes, and nothing closes,",
    }),
    toxicFault({
      kind: "delay",
      weight: 2,
      lastsMs: [3000, 20_000],
      toxic: (random) => ({ type: "latency", latencyMs: 20 + random.below(480), jitterMs: random.below(200) }),
      tell: (toxic) => (toxic.type === "latency" ? `late by ${toxic.latencyMs} ± ${toxic.jitterMs} ms` : ""),
    }),
    toxicFault({
      kind: "slow",
      weight: 2,
      lastsMs: [3000, 15_000],
      toxic: (random) => ({ type: "bandwidth", rate: 5 + random.below(95) }),
      tell: (toxic) => (toxic.type === "bandwidth" ? `${toxic.rate} kB/s` : ""),
    }),
    toxicFault({
      kind: "cut after so many bytes",
      weight: 2,
      lastsMs: [2000, 10_000],
      fromTheFirstByte: true,
      losesBytes: true,
      // As many small numbers as large ones: a cut within the first answers, and one within a page of records.
      toxic: (random) => ({ type: "limit_data", bytes: Math.floor(2 ** (4 + random.next() * 14)) }),
      tell: (toxic) => (toxic.type === "limit_data" ? `every connection ends after ${toxic.bytes} bytes` : ""),
    }),
    toxicFault({
      kind: "reset",
      weight: 2,
      lastsMs: [1000, 8000],
      fromTheFirstByte: true,
      losesBytes: true,
      toxic: (random) => ({ type: "reset_peer", timeoutMs: random.below(300) }),
      tell: (toxic) =>
        toxic.type === "reset_peer" ? `every connection is reset ${toxic.timeoutMs} ms after a word` : "",
    }),
    toxicFault({
      kind: "slices",
      weight: 1,
      lastsMs: [3000, 15_000],
      toxic: (random) => {
        const averageSize = 16 + random.below(500);
        return { type: "slicer", averageSize, sizeVariation: Math.floor(averageSize / 2), delayUs: random.below(2000) };
      },
      tell: (toxic) => (toxic.type === "slicer" ? `in pieces of about ${toxic.averageSize} bytes` : ""),
    }),
  ];
}
