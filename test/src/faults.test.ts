import { randomBytes, randomInt } from "node:crypto";
import { describe, expect, it } from "@jest/globals";
import { runFaults } from "./faults/run.js";
import { summaryOf } from "./faults/summary.js";

/** The short form of `npm run test:faults`; APISPOOL_FAULTS_SEED repeats a run's faults. */
const seed = Number(process.env["APISPOOL_FAULTS_SEED"] ?? randomInt(1, 1_000_000));

describe("faults of all kinds, in quick succession", () => {
  it("lose, repeat and hang nothing", async () => {
    const run = await runFaults({
      seed,
      forMs: 25_000,
      weathers: [{ forMs: 25_000, everyMs: 900, most: 3 }],
      // Each of them takes a good ten seconds.
      weights: { "SIGSTOP, beyond the lease": 0.5, "kill -9, and away for a while": 1 },
      processes: { kafka: process.env["KAFKA_BROKERS"] ?? "", prefix: `faults-${randomBytes(4).toString("hex")}` },
    });
    console.log(summaryOf(run));
    const about = `seed ${seed}; history ${run.historyFile}, log ${run.logFile}`;
    expect({ about, findings: run.findings }).toEqual({ about, findings: [] });
    expect(run.faults).toBeGreaterThan(5);
    expect(run.checker.log.records).toBeGreaterThan(100);
  }, 400_000);
});
