import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, it } from "@jest/globals";
import { ChangesApi } from "./crash/changes-api.js";
import { makeHistory, type Version } from "./crash/history.js";
import { Ingestors } from "./crash/ingestors.js";
import { LinesApi } from "./crash/lines-api.js";
import { compare, readRecords, type Verdict } from "./crash/log-check.js";
import { Owners } from "./crash/owners.js";
import { crash, fewer } from "./crash/settings.js";
import { Random } from "./support/random.js";
import { eventually } from "./support/wait.js";

const RECORDS_PER_KILL = 500;
const PAGE = 100;
/** A frozen ingestor is out of the group after 6 seconds. */
const TAKEN_OVER_MS = 60_000;
/** Far more than comes to be meanwhile. */
const GROWN_PER_FREEZE = 60_000;
/** Time for each kill, in milliseconds; only a test that hangs needs it. */
const PATIENCE_MS = 20_000;
const FIRST_RECORDS = 1000;

/** Waits until all that the API ever said is in the log, or the log stays as it is; tells how it differs from the truth. */
async function settledVerdict(ingestors: Ingestors, truth: readonly Version[]): Promise<Verdict> {
  const read = async (): Promise<Verdict> =>
    compare(await readRecords(ingestors.brokers, ingestors.prefix, "api"), truth);
  await eventually(async () => expect((await read()).missing).toBe(0), 60_000, 500).catch(() => undefined);
  // What is written twice may come later than what is written once.
  await sleep(1000);
  return await read();
}

const exactly = (truth: readonly Version[]): Verdict => ({
  records: truth.length,
  duplicates: 0,
  missing: 0,
  unknown: 0,
  outOfOrder: 0,
  holes: 0,
});

describe("the ingestor is killed at random moments", () => {
  let startedAt = 0;
  let about = "";

  const begin = (what: string, random: Random): void => {
    startedAt = performance.now();
    about = `${what}, seed ${random.seed}`;
    console.log(`crash: ${about} …`);
  };
  const tell = (verdict: Verdict): void => {
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(0);
    console.log(`crash: ${about}: ${JSON.stringify(verdict)} in ${seconds} s`);
  };
  let ingestors: Ingestors | undefined;

  afterEach(async () => {
    await ingestors?.[Symbol.asyncDispose]();
    ingestors = undefined;
  });

  it(
    "kill -9 while it pages: every version exactly once, in order",
    async () => {
      const random = new Random(crash.seed);
      const history = makeHistory(crash.kills * RECORDS_PER_KILL, random);
      begin(`${crash.kills} kills of the ingestor, ${history.length} records`, random);
      await using api = await ChangesApi.start(history, PAGE);
      ingestors = await Ingestors.start({ sources: { api: api.source } });
      const [victim] = ingestors.processes;
      for (let kill = 0; kill < crash.kills; kill += 1) {
        // Three of four in the middle of a page, the others wherever it is, its start included.
        if (random.below(4) > 0) {
          const place = kill + random.next();
          await api.toldSoMany(Math.floor(place * RECORDS_PER_KILL));
          await sleep(random.below(40));
        } else {
          await sleep(random.below(1200));
        }
        await victim?.crash();
      }
      const verdict = await settledVerdict(ingestors, history);
      tell(verdict);
      expect(verdict).toEqual(exactly(history));
    },
    60_000 + crash.kills * PATIENCE_MS,
  );

  it(
    "kill -9 within one large answer: it is gone on with in its middle",
    async () => {
      const random = new Random(crash.seed + 1);
      const history = makeHistory(50_000, random);
      begin(`${fewer} kills within an answer of ${history.length} lines`, random);
      await using api = await LinesApi.start(history);
      ingestors = await Ingestors.start({ sources: { api: api.source } });
      const [victim] = ingestors.processes;
      for (let kill = 0; kill < fewer; kill += 1) {
        const { answers } = api;
        const line = random.below(history.length);
        await eventually(() => expect(api.answers > answers || kill === 0).toBe(true), PATIENCE_MS, 5);
        await eventually(() => expect(api.sent).toBeGreaterThanOrEqual(line), PATIENCE_MS, 5);
        await sleep(random.below(300));
        await victim?.crash();
      }
      const verdict = await settledVerdict(ingestors, history);
      tell(verdict);
      expect(verdict).toEqual(exactly(history));
    },
    60_000 + fewer * PATIENCE_MS,
  );

  it(
    "the owner is frozen and wakes up again: the other one has the source, and the frozen one writes nothing more",
    async () => {
      const random = new Random(crash.seed + 2);
      const history = makeHistory(fewer * GROWN_PER_FREEZE, random);
      begin(`${fewer} freezes of the owner of two ingestors`, random);
      await using api = await ChangesApi.start(history, PAGE);
      const stopGrowing = api.grow(20, 20);
      ingestors = await Ingestors.start({ sources: { api: api.source }, count: 2 });
      const { brokers, prefix } = ingestors;
      await using owners = new Owners(brokers, prefix);
      for (let freeze = 0; freeze < fewer; freeze += 1) {
        const owner = await eventually(async () => {
          const newest = await owners.newest();
          expect(newest).toBeDefined();
          return newest;
        });
        await sleep(random.below(1000));
        const frozen = ingestors.processes.find(({ pid }) => pid === owner);
        expect(frozen).toBeDefined();
        frozen?.kill("SIGSTOP");
        try {
          await eventually(async () => expect(await owners.newest()).not.toBe(owner), TAKEN_OVER_MS);
        } finally {
          frozen?.kill("SIGCONT");
        }
        const { length } = owners.writers;
        await sleep(1500);
        await owners.newest();
        // Whoever wakes up finds itself shut out: nobody has written but the new owner.
        expect(owners.writers.slice(length)).toEqual([]);
      }
      const truth = stopGrowing();
      const verdict = await settledVerdict(ingestors, truth);
      tell(verdict);
      expect(verdict).toEqual(exactly(truth));
    },
    60_000 + fewer * (TAKEN_OVER_MS + PATIENCE_MS),
  );

  it(
    "Kafka is killed in the middle and comes back",
    async () => {
      const random = new Random(crash.seed + 3);
      const kills = Math.max(1, Math.round(fewer / 2));
      const history = makeHistory(kills * 10_000, random);
      begin(`${kills} kills of Kafka, ${history.length} records`, random);
      await using api = await ChangesApi.start(history, PAGE);
      ingestors = await Ingestors.start({ sources: { api: api.source }, ownKafka: true });
      for (let kill = 0; kill < kills; kill += 1) {
        // Not within the very first transactions: see "What Kafka itself did" in docs/reliability.md.
        await api.toldSoMany(Math.floor(Math.max(FIRST_RECORDS, (kill + random.next()) * (history.length / kills))));
        await sleep(random.below(40));
        await ingestors.kafka?.process.crash();
        await ingestors.kafka?.ready();
      }
      const verdict = await settledVerdict(ingestors, history);
      tell(verdict);
      expect(verdict).toEqual(exactly(history));
    },
    120_000 + fewer * PATIENCE_MS,
  );
});
