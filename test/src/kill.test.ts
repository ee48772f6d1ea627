import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { type TestStack, startTestStack } from "./harness/stack.js";
import { getData, postWorker } from "./support/data-client.js";
import { Upstream } from "./support/upstream.js";
import { eventually } from "./support/wait.js";

/** How often each is killed; the fault suite does it at random moments, and many more times. */
const ROUNDS = Number(process.env["APISPOOL_TEST_KILLS"] ?? 1);

/** Reads until a reader has seen everything, through whatever happens; remembers every delivery that was completed. */
class PatientReader {
  readonly delivered: string[] = [];
  failures = 0;
  readonly #url: string;
  readonly #reader: string;

  constructor(url: string, reader: string) {
    this.#url = url;
    this.#reader = reader;
  }

  async readOnce(): Promise<void> {
    try {
      const { records } = await getData(this.#url, `reader=${this.#reader}&limit=500`);
      this.delivered.push(...records.map((r) => `${r.data.id}/${r.data.version}`));
    } catch {
      this.failures += 1;
    }
  }
}

describe("kill -9 in the middle of the work", () => {
  let upstream: Upstream;
  let stack: TestStack;

  beforeAll(async () => {
    upstream = await Upstream.start();
    stack = await startTestStack({ sourceUrl: upstream.url, sourceName: "items" });
    await postWorker(stack.gatewayUrl, { command: "start" });
  }, 120_000);

  afterAll(async () => {
    await stack?.stop();
    await upstream?.[Symbol.asyncDispose]();
  }, 60_000);

  it.each(["ingestor", "reader", "gateway", "kafka"] as const)(
    "%s: comes back, and nothing is lost, doubled or out of order",
    async (victim) => {
      const reader = new PatientReader(stack.gatewayUrl, `survivor-${victim}`);
      await reader.readOnce();
      const alreadyThere = reader.delivered.length;
      upstream.grow(7, 20);
      for (let round = 0; round < ROUNDS; round += 1) {
        for (let i = 0; i < 5; i += 1) await reader.readOnce();
        await stack.kill(victim);
        for (let i = 0; i < 5; i += 1) await reader.readOnce();
        await stack.ready();
      }
      upstream.stopGrowing();
      const truth = new Set(upstream.history.map((i) => `${i.id}/${i.version}`));
      await eventually(async () => {
        await reader.readOnce();
        expect(new Set(reader.delivered).size).toBe(truth.size);
      }, 60_000);
      expect(alreadyThere).toBeLessThan(truth.size);
      // The log itself: a reader that nothing ever happened to sees every record exactly once and in the upstream's order.
      const calm = await getData(stack.gatewayUrl, `reader=calm-${victim}`);
      expect(calm.records.map((r) => `${r.data.id}/${r.data.version}`)).toEqual(
        upstream.history.map((i) => `${i.id}/${i.version}`),
      );
      expect(calm.gaps).toEqual([]);
      // And the reader that lived through it: nothing missing, and what it had completely received never came again.
      // (Where the gateway was killed, the evidence of a completed answer may have died with it: at least once.)
      expect(new Set(reader.delivered)).toEqual(truth);
      if (victim !== "gateway") expect(reader.delivered.length).toBe(truth.size);
      await reader.readOnce();
      const settled = reader.delivered.length;
      await reader.readOnce();
      expect(reader.delivered.length).toBe(settled);
    },
    180_000,
  );
});
