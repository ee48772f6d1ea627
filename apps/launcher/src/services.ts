import { join } from "node:path";
import type { ProcessSpec } from "./supervised-process.js";

/** The processes of a stack beside Kafka, in the order in which they start. */
export const serviceNames = ["demo", "ingestor", "reader", "gateway"] as const;
/** The store is there where it is switched on. */
export type ServiceName = (typeof serviceNames)[number] | "store";

const folders: Readonly<Record<ServiceName, string>> = {
  demo: "apps/demo-api",
  ingestor: "services/ingestor",
  reader: "services/reader",
  store: "services/store",
  gateway: "services/gateway",
};

/** Variables by which a process is told what to do. */
export type Variables = Readonly<Record<string, string | undefined>>;

/** One of several processes of the reader: "reader" is the first, "reader-2" the second. */
export type ReaderName = "reader" | `reader-${number}`;

export function readerName(index: number): ReaderName {
  return index === 0 ? "reader" : `reader-${index + 1}`;
}

/** How a service is started: the built main file, on the Node that runs this. `as` tells its processes apart. */
export function serviceSpec(name: ServiceName, root: string, env: Variables, as: string = name): ProcessSpec {
  return {
    name: as,
    command: process.execPath,
    args: [
      // kafkajs gives a timer a negative delay; Node 24 says so once, and it does no harm (tulios/kafkajs#1751).
      "--disable-warning=TimeoutNegativeWarning",
      "--enable-source-maps",
      // Of records on their way, what lives a little longer is garbage soon, too: V8 would let that grow to twice what is kept
      // before it looks, and a large answer take half as much memory again.
      ...(name === "ingestor" ? ["--heap-growing-percent=60"] : []),
      // Records pass through as young objects. At Node's default of 16 MB V8 lets their garbage grow to twice the memory,
      // for no more speed. The gateway keeps nothing but them.
      `--max-semi-space-size=${name === "gateway" ? 4 : 8}`,
      // What a stream of records leaves behind outside V8's heap counts against this limit, too. Where it starts at next to
      // nothing, as by default after a quiet minute, the whole heap is looked through ten times a second.
      "--initial-old-space-size=64",
      join(root, folders[name], "dist", "main.js"),
    ],
    env,
    cwd: root,
    ipc: true,
    stopTimeoutMs: name === "demo" ? 1000 : 3500,
    // runProcess ends with 2 when the configuration is wrong.
    finalExitCodes: [2],
  };
}
