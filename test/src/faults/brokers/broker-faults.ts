import type { Random } from "../../support/random.js";
import type { Fault } from "../fault.js";
import type { Broker, Brokers } from "./brokers.js";
import { moveLeaders } from "./move-leaders.js";

const nothing = async (): Promise<void> => {};

/** What can happen to brokers. Their supervisor brings back whoever dies. */
export function brokerFaults(brokers: Brokers): Fault[] {
  const draw = (random: Random): Broker => {
    const drawn = brokers.all[random.below(brokers.all.length)];
    if (drawn === undefined) throw new Error("there is no broker");
    return drawn;
  };
  const one: Fault[] = [
    {
      kind: "broker killed",
      weight: 2,
      lastsMs: [0, 1000],
      async inject(random) {
        const { name, process } = draw(random);
        await process.crash();
        return { what: `kill -9 of ${name}`, heal: nothing };
      },
    },
    {
      kind: "broker restarted",
      weight: 2,
      lastsMs: [0, 1000],
      async inject(random) {
        const { name, process } = draw(random);
        process.kill("SIGTERM");
        return { what: `SIGTERM to ${name}`, heal: nothing };
      },
    },
    {
      kind: "broker frozen",
      weight: 2,
      lastsMs: [500, 12_000],
      async inject(random) {
        const { name, process } = draw(random);
        process.kill("SIGSTOP");
        return { what: `SIGSTOP to ${name}`, heal: async () => process.kill("SIGCONT") };
      },
    },
    {
      kind: "broker's disk full",
      weight: 1,
      lastsMs: [2000, 10_000],
      async inject(random) {
        const { name, process, disk } = draw(random);
        if (process.pid === undefined) return { what: `the disk of ${name}, which is not running`, heal: nothing };
        return { what: `the disk of ${name} is full`, heal: await disk.fill(process.pid) };
      },
    },
  ];
  if (brokers.all.length === 1) return one;
  return [
    ...one,
    {
      kind: "all brokers killed",
      weight: 1,
      lastsMs: [0, 1000],
      async inject() {
        await Promise.all(brokers.all.map(async ({ process }) => process.crash()));
        return { what: "kill -9 of all brokers", heal: nothing };
      },
    },
    {
      kind: "leaders move",
      weight: 2,
      lastsMs: [0, 500],
      async inject(random) {
        const addresses = brokers.all.map(({ address }) => address);
        // Where brokers are just dying of something else, nobody can be elected.
        const moved = await moveLeaders(addresses, random).catch(() => []);
        return { what: `new leaders for ${moved.join(", ") || "nothing: no broker could be told"}`, heal: nothing };
      },
    },
  ];
}
