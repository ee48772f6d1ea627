import type { SupervisedProcess } from "@apispool/launcher/supervised-process.js";
import type { Random } from "../support/random.js";
import type { Fault, Harm } from "./fault.js";

/** Thrown where a fault can harm nothing at the moment, because others do already. */
export class Busy extends Error {
  override readonly name = "Busy";
}

/** What can be done to a process, each of them to one at a time. */
export function processFaults(all: ReadonlyMap<string, SupervisedProcess>, only?: RegExp): readonly Fault[] {
  const harmed = new Set<string>();
  const victims = [...all.keys()].filter((name) => only?.test(name) ?? true);
  const harming = async (
    random: Random,
    what: string,
    begin: (victim: SupervisedProcess) => Promise<void> | void,
    end: (victim: SupervisedProcess) => Promise<void> | void,
  ): Promise<Harm> => {
    const free = victims.filter((name) => !harmed.has(name));
    const name = free[random.below(free.length)] ?? "";
    const victim = all.get(name);
    if (victim?.pid === undefined) throw new Busy(`${name} is not there`);
    harmed.add(name);
    await begin(victim);
    return {
      what: `${what} of ${name}`,
      async heal() {
        await end(victim);
        harmed.delete(name);
      },
    };
  };
  const freeze = (random: Random): Promise<Harm> =>
    harming(
      random,
      "SIGSTOP",
      (victim) => victim.kill("SIGSTOP"),
      (victim) => victim.kill("SIGCONT"),
    );
  return [
    {
      kind: "kill -9",
      weight: 5,
      lastsMs: [0, 0],
      inject: (random) =>
        harming(
          random,
          "kill -9",
          (victim) => victim.crash(),
          () => undefined,
        ),
    },
    {
      kind: "kill -9, and away for a while",
      weight: 2,
      lastsMs: [1000, 9000],
      inject: (random) =>
        harming(
          random,
          "kill -9 for a while",
          (victim) => victim.killNow(),
          (victim) => victim.start(),
        ),
    },
    {
      kind: "SIGTERM",
      weight: 3,
      lastsMs: [0, 0],
      inject: (random) =>
        harming(
          random,
          "SIGTERM",
          (victim) => victim.kill("SIGTERM"),
          () => undefined,
        ),
    },
    { kind: "SIGSTOP, briefly", weight: 4, lastsMs: [100, 4000], inject: freeze },
    // Longer than the lease's session of 6 s: others have taken over when it wakes.
    { kind: "SIGSTOP, beyond the lease", weight: 2, lastsMs: [7000, 13_000], inject: freeze },
  ];
}
