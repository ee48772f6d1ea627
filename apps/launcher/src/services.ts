import { join } from "node:path";
import { nodeEnv, nodeFlags } from "./node-flags.js";
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
    args: [...nodeFlags(name), join(root, folders[name], "dist", "main.js")],
    env: { ...env, ...nodeEnv(name) },
    cwd: root,
    ipc: true,
    stopTimeoutMs: name === "demo" ? 1000 : 3500,
    // runProcess ends with 2 when the configuration is wrong.
    finalExitCodes: [2],
  };
}
