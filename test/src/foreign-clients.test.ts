import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { type Target, foreignClients } from "./foreign/clients.js";
import { SecureGateway } from "./foreign/secure-gateway.js";
import type { Message, Told } from "./foreign/told.js";
import { type TestStack, startTestStack } from "./harness/stack.js";
import { getData, postWorker } from "./support/data-client.js";
import { Upstream } from "./support/upstream.js";
import { eventually } from "./support/wait.js";

/** Some forty processes of Go, Python and Node: APISPOOL_TEST_FOREIGN=1 npm test integration -- foreign-clients */
const wanted = process.env["APISPOOL_TEST_FOREIGN"] === "1";

if (wanted) {
  for (const { name, missing } of foreignClients) {
    if (missing !== undefined) console.warn(`not tested: ${name}, for ${missing}`);
  }
}

const RECORDS = 2000;

(wanted ? describe : describe.skip)("clients of other makes on the gateway's port", () => {
  let upstream: Upstream;
  let stack: TestStack;
  let secure: SecureGateway;

  beforeAll(async () => {
    upstream = await Upstream.start();
    upstream.add(RECORDS);
    // So that there are many batches.
    stack = await startTestStack({
      sourceUrl: upstream.url,
      sourceName: "items",
      serviceEnv: { reader: { BATCH_BYTES: "8192" } },
    });
    secure = await SecureGateway.start(stack);
    await postWorker(stack.gatewayUrl, { command: "start" });
    await eventually(async () => {
      expect((await getData(stack.gatewayUrl, "reader=probe&ack=manual")).records.length).toBe(RECORDS);
    });
  }, 120_000);

  afterAll(async () => {
    await secure?.stop();
    await stack?.stop();
    await upstream?.[Symbol.asyncDispose]();
  }, 60_000);

  const target = (over: string): Target => (over === "TLS" ? secure.target : { url: stack.gatewayUrl });

  describe.each(["cleartext", "TLS"])("over %s", (over) => {
    for (const [index, client] of foreignClients.entries()) {
      const run = client.missing === undefined ? it : it.skip;
      run(`${client.name} starts, asks for the status, and is given every record once, in order`, async () => {
        const told = await client.call(target(over), `foreign-${over}-${index}`);
        const started = { source: "items", desiredState: "DESIRED_STATE_STARTED" };
        expect(messages(told, "start")).toEqual([{ sources: [expect.objectContaining(started)] }]);
        const status = { ...started, recordsTotal: String(RECORDS) };
        expect(messages(told, "status")).toEqual([{ sources: [expect.objectContaining(status)] }]);
        expect(told.filter(({ call }) => call === "unknown")).toEqual([{ call: "unknown", error: "not_found" }]);

        const batches = messages(told, "first");
        expect(batches.length).toBeGreaterThan(10);
        expect(batches.map(({ complete }) => complete === true)).toEqual(batches.map((one) => one === batches.at(-1)));
        const records = batches.flatMap((batch) => batch.records ?? []);
        expect(records.map(({ json }) => JSON.parse(json) as unknown)).toEqual(upstream.history);
        const offsets = records.map(({ offset = "0" }) => Number(offset));
        expect(offsets).toEqual([...new Set(offsets)].sort((a, b) => a - b));

        // It received everything, and that counts.
        const again = messages(told, "second");
        expect(again.flatMap((batch) => batch.records ?? [])).toEqual([]);
        expect(again.at(-1)).toMatchObject({ complete: true });
      });
    }
  });
});

function messages(told: readonly Told[], call: Told["call"]): Message[] {
  return told.filter((one) => one.call === call).flatMap(({ message }) => (message === undefined ? [] : [message]));
}
