// Prints "<passed> <failed>" of the jest reports given. A report that is missing, and a suite that could not run, is a failure.
import { readFileSync } from "node:fs";

let passed = 0;
let failed = 0;
for (const path of process.argv.slice(2)) {
  try {
    const report = JSON.parse(readFileSync(path, "utf8"));
    passed += report.numPassedTests;
    failed += report.numFailedTests + report.numRuntimeErrorTestSuites;
    // What fails outside of a single test (a hook, an open handle) must not look like success.
    if (!report.success && report.numFailedTests + report.numRuntimeErrorTestSuites === 0) failed += 1;
  } catch (error) {
    console.error(`${path}: ${error.message}`);
    failed += 1;
  }
}
console.log(`${passed} ${failed}`);
