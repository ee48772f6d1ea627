// Run by silent-peer.test.ts in a network namespace of its own, as root there: a client whose address is taken away.
import { execFileSync } from "node:child_process";
import http from "node:http";
import { EventClient } from "./event-client.js";
import { Harness } from "./harness.js";

const harness = await Harness.start({ host: "0.0.0.0" });
harness.reader.lockWaitMs = 4000;
harness.reader.add(['{"n":0}', '{"n":1}', '{"n":2}']);
const say = (text: string): void => void process.stdout.write(`${text}\n`);

const first = http.get(`http://10.9.9.7:${harness.port}/data?reader=one`, {
  localAddress: "10.9.9.8",
  headers: { accept: "text/event-stream" },
});
first.on("error", () => {});
await new Promise<void>((resolve) => first.on("response", (response) => response.once("data", () => resolve())));
say("the first client follows");

const busy = EventClient.open(`${harness.url}/data?reader=one`);
await busy.over();
const { reason } = JSON.parse(busy.events[0]?.data ?? "{}") as { reason?: string };
say(`a second one waits while the first one answers: ${reason ?? "nothing"}`);

execFileSync("ip", ["addr", "del", "10.9.9.8/32", "dev", "lo"]);
say("the first one falls silent");

const second = EventClient.open(`${harness.url}/data?reader=one`);
await second.until(() => second.events.length === 3);
say(`a second one gets everything: ${second.numbers.join(", ")}`);
process.exit(0);
