import { existsSync, readdirSync } from "node:fs";
import { rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Fault } from "../fault.js";

/** The one for programs with threads. */
const LIBRARY = "libfaketimeMT.so.1";

/** libfaketime (Debian: `faketime`), or APISPOOL_FAKETIME; undefined where it is not installed. */
export function findFaketime(env: NodeJS.ProcessEnv = process.env): string | undefined {
  const named = env["APISPOOL_FAKETIME"] ?? "";
  if (named !== "") return named;
  const lib = "/usr/lib";
  const folders = [lib, "/usr/local/lib", ...(existsSync(lib) ? readdirSync(lib).map((name) => join(lib, name)) : [])];
  return folders.map((folder) => join(folder, "faketime", LIBRARY)).find((file) => existsSync(file));
}

/** A process's wall clock, which can be put forward and back while it runs. What counts time (`performance.now`, timers) goes on. */
export class FakedClock {
  readonly process: string;
  readonly #library: string;
  readonly #file: string;

  private constructor(process: string, library: string, file: string) {
    this.process = process;
    this.#library = library;
    this.#file = file;
  }

  /** `folder`: where the file is to be by which the process is told. */
  static async create(process: string, library: string, folder: string): Promise<FakedClock> {
    const clock = new FakedClock(process, library, join(folder, `clock-${process}`));
    await clock.set(0);
    return clock;
  }

  /** For the process's environment. */
  get env(): Readonly<Record<string, string>> {
    return {
      LD_PRELOAD: this.#library,
      FAKETIME_TIMESTAMP_FILE: this.#file,
      // A jump is seen after at most so many seconds.
      FAKETIME_CACHE_DURATION: "1",
      DONT_FAKE_MONOTONIC: "1",
      FAKETIME_DONT_FAKE_MONOTONIC: "1",
      // Files that are there are as old as they are.
      NO_FAKE_STAT: "1",
    };
  }

  /** Seconds from the true time. */
  async set(seconds: number): Promise<void> {
    // Never a file that is half written.
    await writeFile(`${this.#file}.new`, `${seconds < 0 ? "-" : "+"}${Math.abs(seconds)}\n`);
    await rename(`${this.#file}.new`, this.#file);
  }
}

/** Jumps of the clocks, in seconds: of a broken time server, of daylight saving done wrong, of a day. */
const jumps = [262, 3600, 7200, 86_400] as const;

/** Each jump there is one, and one back again. */
export function clockFaults(clocks: readonly FakedClock[]): Fault[] {
  return [
    {
      kind: "clock jumps",
      weight: 2,
      lastsMs: [3000, 20_000],
      async inject(random) {
        const clock = clocks[random.below(clocks.length)];
        if (clock === undefined) throw new Error("there is no clock that could jump");
        const seconds = (jumps[random.below(jumps.length)] ?? 0) * (random.below(2) === 0 ? 1 : -1);
        await clock.set(seconds);
        return { what: `the clock of ${clock.process} jumps by ${seconds} s`, heal: async () => clock.set(0) };
      },
    },
  ];
}
