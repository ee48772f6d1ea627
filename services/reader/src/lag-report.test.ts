import { describe, expect, it } from "@jest/globals";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { silentLogger } from "@apispool/common/logger.js";
import { Metrics } from "@apispool/common/metrics.js";
import { LagReport } from "./lag-report.js";
import type { Positions } from "./positions.js";
import type { StandingReport } from "./standing-report.js";

/** Readers of which each has as many unread records as its name has letters. */
function readers(names: readonly string[], most: number) {
  const asked: string[] = [];
  let failing = false;
  const positions = {
    readers: async () => {
      asked.push("readers");
      if (failing) throw new Error("Kafka is away");
      return names;
    },
    find: async (name: string) => {
      asked.push(name);
      return {};
    },
  } as unknown as Positions;
  const report = {
    of: async (name: string) => ({ unread: BigInt(name.length), oldestUnreadAt: timestampFromMs(Date.now() - 60_000) }),
  } as unknown as StandingReport;
  const metrics = new Metrics();
  new LagReport({ positions, report, most, logger: silentLogger, signal: new AbortController().signal }).define(
    metrics,
  );
  return { metrics, asked, fail: () => (failing = true) };
}

const samples = (text: string): string[] => text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));

describe("how far readers are behind", () => {
  it("is found out once for all who scrape, and of no more readers than it may", async () => {
    const { metrics, asked } = readers(["a", "bb", "ccc", "dddd"], 3);
    const [text] = await Promise.all([metrics.text(), metrics.text()]);
    await metrics.text();
    expect(samples(text).filter((line) => !line.includes("oldest"))).toEqual([
      "apispool_readers 4",
      "apispool_readers_untold 1",
      'apispool_reader_unread_records{reader="a"} 1',
      'apispool_reader_unread_records{reader="bb"} 2',
      'apispool_reader_unread_records{reader="ccc"} 3',
    ]);
    expect(text).toMatch(/apispool_reader_oldest_unread_seconds\{reader="a"\} 6\d/);
    expect(asked).toEqual(["readers", "a", "bb", "ccc"]);
  });

  it("costs Kafka nothing where it is not wanted", async () => {
    const { metrics, asked } = readers(["a"], 0);
    expect([samples(await metrics.text()), asked]).toEqual([[], []]);
  });

  it("tells nothing where nothing is known", async () => {
    const { metrics, fail } = readers(["a"], 3);
    fail();
    expect(await metrics.text()).not.toContain("apispool_reader_unread_records{");
  });
});
