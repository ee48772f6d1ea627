import { plant, plantedBugs } from "./planted.js";
import { runFaults } from "./run.js";

const FOR_MS = 50_000;
/** A Kafka that is there; otherwise each run starts one of its own. */
const kafka = process.env["KAFKA_BROKERS"];

// The test of the test: each bug has to be found. An argument chooses bugs by a part of their name.
const [only = ""] = process.argv.slice(2);
let missed = 0;
for (const bug of plantedBugs.filter(({ name }) => name.includes(only))) {
  const { dir, remove } = await plant(bug);
  try {
    const run = await runFaults({
      ...bug.run,
      forMs: FOR_MS,
      processes: {
        roots: { [bug.service]: dir },
        ...(kafka === undefined ? {} : { kafka, prefix: `planted-${process.pid}-${bug.run.seed}` }),
      },
    });
    const found = run.findings.find(({ broken }) => bug.finds.includes(broken));
    if (found === undefined) missed += 1;
    const what = found === undefined ? "NOT FOUND" : `found, ${(found.t / 1000).toFixed(0)} s after the run began`;
    console.log(`faults: "${bug.name}": ${what}`);
    for (const { broken, text } of run.findings.slice(0, 3)) console.log(`  ${broken}: ${text}`);
  } finally {
    await remove();
  }
}
console.log(
  missed === 0 ? "faults: every planted bug was found" : `faults: FAILED: ${missed} planted bugs were not found`,
);
process.exit(missed === 0 ? 0 : 1);
