import { mkdtemp, readFile, readdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Bench } from "./outcome.js";
import { type CpuProfile, profileTable } from "./profile/cpu-profile.js";

/** What of a benchmark is the hot path, and the process that it is in. Enough records that its start is little beside it. */
const paths: Readonly<Record<string, { bench: string; args: readonly string[]; services: readonly string[] }>> = {
  ingest: { bench: "ingest", args: ["--only=throughput", "--rounds=1"], services: ["ingestor"] },
  read: {
    bench: "read",
    args: ["--rounds=1", "--bytes=500", "--partitions=1", "--only=grpcReader,grpcGateway,ndjson"],
    services: ["reader", "gateway"],
  },
  "fan-out": { bench: "fan-out", args: ["--rates=10"], services: ["reader"] },
  latency: { bench: "latency", args: ["--only=one"], services: ["reader"] },
  store: { bench: "store", args: ["--records=200000"], services: ["store"] },
};

/** Runs a hot path with --cpu-prof on the process that it is in, and tells where the time went. */
export async function benchProfile(
  self: NodeJS.Process,
  [name = "", ...more]: readonly string[],
  benches: Readonly<Record<string, Bench>>,
): Promise<readonly string[]> {
  const path = paths[name];
  const bench = benches[path?.bench ?? ""];
  if (path === undefined || bench === undefined)
    throw new Error(`profile: one of ${Object.keys(paths).join(", ")} has to be named; "${name}" is none`);
  const dir = await mkdtemp(join(tmpdir(), `apispool-profile-${name}-`));
  await bench(self, [...path.args, `--profile=${dir}`, ...more]);
  const files = (await readdir(dir)).filter((file) => file.endsWith(".cpuprofile"));
  for (const file of files.toSorted()) {
    const profile = JSON.parse(await readFile(join(dir, file), "utf8")) as CpuProfile;
    const service = path.services.find((one) => file.startsWith(one));
    if (service === undefined) continue;
    console.log(
      `\n${file}\n\n${await profileTable(profile)}\n\nFor DevTools (Performance, Load profile): ${join(dir, file)}`,
    );
  }
  return files.length === 0 ? ["no process left a profile"] : [];
}
