import { describe, expect, it } from "@jest/globals";
import { silentLogger } from "@apispool/common/logger.js";
import { Metrics } from "@apispool/common/metrics.js";
import type { PollOptions, PollOutcome } from "../poll/poll.js";
import { systemClock } from "../schedule/clock.js";
import type { SourceLog } from "../state/source-log.js";
import { ingestorMetrics } from "../telemetry/ingestor-metrics.js";
import { SourceTelemetry } from "../telemetry/source-telemetry.js";
import { sourceConfig } from "../testing/source-config.js";
import { Worker, type WorkerOptions } from "./worker.js";

const until = async (is: () => boolean): Promise<void> => {
  while (!is()) await new Promise((resolve) => setTimeout(resolve, 5));
};

describe("a worker that was frozen for longer than its lease", () => {
  it("asks the API nothing more", async () => {
    let asked = 0;
    let frozen = false;
    const metrics = ingestorMetrics(new Metrics(), () => []);
    const worker: Worker = new Worker({
      config: sourceConfig({ name: "a", intervalMs: 5 }),
      parts: { http: { budget: undefined } } as unknown as WorkerOptions["parts"],
      openLog: () => ({ ready: true, settle: async () => undefined }) as unknown as SourceLog,
      pollSource: async ({ events }: PollOptions): Promise<PollOutcome> => {
        events?.onPage?.(1);
        asked += 1;
        return { notModified: true, more: false, freshForMs: 0 } as PollOutcome;
      },
      brokers: [],
      log: silentLogger,
      clock: systemClock,
      onChange: () => undefined,
      telemetry: new SourceTelemetry({ metrics, tracer: undefined, traceUpstream: false }, "a"),
      stillOurs: async () => true,
      // What the lease does when it finds that nothing was heard for a session.
      checkLease: () => {
        if (frozen) void worker.stop();
      },
      firstDelayMs: () => 0,
    });
    worker.start();
    await until(() => asked >= 3);
    frozen = true;
    const before = asked;
    await until(() => !worker.running);
    await worker.stop();
    expect(asked).toBe(before);
    expect(worker.status.state.kind).toBe("stopped");
  });
});
