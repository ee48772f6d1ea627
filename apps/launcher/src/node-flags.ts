import type { ServiceName } from "./services.js";

/** V8's limits, which make garbage of what passes through soon enough that it takes no memory. */
interface Limits {
  /** The most that is young, in MB. */
  readonly semiSpace: number;
  /**
   * What may be old before the whole heap is looked through, in MB. What a stream of records leaves behind outside V8's heap counts, too: where
   * this is next to nothing, as by default after a quiet minute, it is done ten times a second.
   */
  readonly oldSpace: number;
  /** How much more may become old before it is looked through again, in percent; undefined: as V8 thinks. */
  readonly growing?: number;
}

// Records pass through as young objects. At Node's default of 16 MB V8 lets their garbage grow to twice the memory, for no more speed.
const passing: Limits = { semiSpace: 8, oldSpace: 64 };

const limits: Readonly<Record<ServiceName, Limits>> = {
  demo: passing,
  reader: passing,
  // Of records on their way, what lives a little longer is garbage soon, too: V8 would let that grow to twice what is kept before it looks, and
  // a large answer take half as much memory again.
  ingestor: { ...passing, growing: 60 },
  // It keeps nothing but what passes.
  gateway: { ...passing, semiSpace: 4 },
  // What it keeps is SQLite's; and three threads have a heap each. A third less memory, for a tenth more of the processor's time.
  store: { semiSpace: 2, oldSpace: 24, growing: 40 },
};

/** What Node is told when it runs a service. */
export function nodeFlags(name: ServiceName): string[] {
  const { semiSpace, oldSpace, growing } = limits[name];
  return [
    `--max-semi-space-size=${semiSpace}`,
    `--initial-old-space-size=${oldSpace}`,
    ...(growing === undefined ? [] : [`--heap-growing-percent=${growing}`]),
    "--enable-source-maps",
    // kafkajs gives a timer a negative delay; Node 24 says so once, and it does no harm (tulios/kafkajs#1751).
    "--disable-warning=TimeoutNegativeWarning",
  ];
}

/** What the environment of a service has to have beside its settings. */
export function nodeEnv(name: ServiceName): Readonly<Record<string, string>> {
  // Each of SQLite's threads would be given memory of its own by glibc, and give none of it back.
  return name === "store" ? { MALLOC_ARENA_MAX: "2" } : {};
}
