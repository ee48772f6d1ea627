import { Random } from "../support/random.js";
import { ControlClient, type Ops } from "./clients/control-client.js";
import { GrpcAuto, GrpcManual, GrpcTail } from "./clients/grpc-clients.js";
import { Events, JsonAuto, JsonManual, Lines } from "./clients/http-clients.js";
import type { ReadingClient } from "./clients/reading-client.js";
import { Recorder } from "./clients/recorder.js";
import type { History } from "./history.js";
import type { Processes } from "./processes.js";
import type { Upstreams } from "./upstreams.js";

/** How long the slow one lets records gather. */
const REST_MS = 15_000;

/** Everybody who uses the processes: clients of every kind that read, and two that start and stop. */
export interface Workload {
  readonly readers: readonly ReadingClient[];
  /** Nobody starts or stops anything any more, and everything is started; false: that could not be done. */
  calm(): Promise<boolean>;
  resume(): void;
  stop(): Promise<void>;
}

export async function startWorkload(
  processes: Pick<Processes, "gatewayUrl" | "directUrl" | "ingestorAddresses">,
  upstreams: Upstreams,
  history: History,
  seed: number,
): Promise<Workload> {
  const recorder = new Recorder(history, upstreams);
  // What takes an answer to its end, ends both connections in order and passes on only a part of it has received it, as far as anybody can see
  // (README, "Behind a proxy"). So who leaves acknowledging to the evidence has nothing between.
  const { gatewayUrl, directUrl } = processes;
  const readers: readonly ReadingClient[] = [
    new JsonAuto(directUrl, "json-auto", recorder),
    new JsonManual(gatewayUrl, "json-manual", recorder),
    new Lines(directUrl, "lines-auto", recorder),
    new Events(gatewayUrl, "events", recorder),
    new GrpcAuto(directUrl, "grpc-auto", recorder),
    new GrpcManual(gatewayUrl, "grpc-manual", recorder),
    new GrpcTail(gatewayUrl, "grpc-tail", recorder),
    new JsonManual(gatewayUrl, "slow", recorder, REST_MS),
  ];
  const ops: Ops = { next: 0 };
  const urls = [gatewayUrl, ...processes.ingestorAddresses.map((address) => `http://${address}`)];
  const controls = [1, 2].map(
    (i) =>
      new ControlClient({
        name: `client ${i}`,
        history,
        sources: upstreams.names,
        random: new Random(seed + i),
        ops,
        urls,
      }),
  );
  const workload: Workload = {
    readers,
    async calm() {
      await Promise.all(controls.map(async (control) => control.pause()));
      return (await controls[0]?.startAll()) ?? false;
    },
    resume() {
      for (const control of controls) control.resume();
    },
    async stop() {
      await Promise.all([...readers, ...controls].map(async (client) => client.stop()));
    },
  };
  if (!(await workload.calm())) throw new Error("the sources could not be started");
  upstreams.grow();
  for (const client of [...readers, ...controls]) client.start();
  workload.resume();
  return workload;
}
