import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ServiceName } from "@apispool/launcher/services.js";
import { root } from "../harness/paths.js";
import type { FaultRunOptions } from "./run.js";
import type { Broken } from "./rules/rule.js";

/** A mistake that somebody could make, and what the suite has to say of it. */
export interface PlantedBug {
  readonly name: string;
  readonly service: ServiceName & ("ingestor" | "reader" | "gateway");
  /** Of the service's dist. */
  readonly file: string;
  /** Has to be in the file exactly once. */
  readonly right: string;
  readonly wrong: string;
  /** Any of these. */
  readonly finds: readonly Broken[];
  /** Faults that bring it to light. */
  readonly run: Pick<FaultRunOptions, "seed" | "weathers" | "victims" | "kinds" | "weights">;
}

export const plantedBugs: readonly PlantedBug[] = [
  {
    name: "skip a commit",
    service: "ingestor",
    file: "state/source-log.js",
    right: "await this.#write(position, part);",
    wrong: "if (Math.random() > 0.1) await this.#write(position, part);",
    finds: ["lost", "running numbers"],
    run: { seed: 1, weathers: [{ forMs: 40_000, everyMs: 3000, most: 1 }], kinds: /upstream/ },
  },
  {
    name: "commit before delivery",
    service: "gateway",
    file: "delivery.js",
    right: "const settling = this.#settle({ reader, cursor: batch.cursor, recipient, call, outcome });",
    wrong: 'const settling = this.#settle({ reader, cursor: batch.cursor, recipient, call, outcome: "received" });',
    finds: ["not received"],
    // Clients that vanish while their answer is on its way.
    run: { seed: 2, weathers: [{ forMs: 30_000, everyMs: 60, most: 4 }], kinds: /client vanishes/ },
  },
  {
    name: "forget the fencing",
    service: "ingestor",
    file: "state/source-log.js",
    right: "const transactionalId = options.names.transactionalId(options.source.name);",
    wrong: "const transactionalId = `${options.names.transactionalId(options.source.name)}.${process.pid}`;",
    finds: ["written twice", "out of order", "running numbers", "lost"],
    // An owner is frozen in the middle of a page until another one has its sources, and goes on with that page.
    run: {
      seed: 3,
      weathers: [{ forMs: 50_000, everyMs: 250, most: 8 }],
      victims: /ingestor-1/,
      weights: { "SIGSTOP, beyond the lease": 0.03 },
      kinds: /beyond the lease|slow drip/,
    },
  },
];

/** A copy of the built service with the bug in it, to be started in place of the right one. */
export async function plant(bug: PlantedBug): Promise<{ readonly dir: string; remove: () => Promise<void> }> {
  const dir = await mkdtemp(join(tmpdir(), "apispool-planted-"));
  const remove = async (): Promise<void> => rm(dir, { recursive: true, force: true });
  try {
    const service = join(dir, "services", bug.service);
    await mkdir(service, { recursive: true });
    const from = join(root, "services", bug.service);
    for (const part of ["dist", "package.json"]) await cp(join(from, part), join(service, part), { recursive: true });
    await symlink(join(root, "node_modules"), join(dir, "node_modules"), "dir");
    const file = join(service, "dist", bug.file);
    const text = await readFile(file, "utf8");
    const places = text.split(bug.right).length - 1;
    if (places !== 1)
      throw new Error(
        `${bug.name}: ${file} has "${bug.right}" ${places} times; the bug has to be planted in another way`,
      );
    await writeFile(
      file,
      text.replace(bug.right, () => bug.wrong),
    );
    return { dir, remove };
  } catch (error) {
    await remove();
    throw error;
  }
}
