import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, it } from "@jest/globals";
import type { LargePageResult } from "../testing/read-large-page.js";

/** V8 lets the space for new objects grow to three times 32 MB, full of what is garbage already; a service need not. */
const FLAGS = ["--max-semi-space-size=16"];

const program = fileURLToPath(new URL("../testing/read-large-page.js", import.meta.url));

describe.each(["ndjson", "csv"])("a large page of %s", (format) => {
  it("is read in less than 256 MB, a line of 40 MB in it included", async () => {
    const { stdout } = await promisify(execFile)(process.execPath, [...FLAGS, program, format, "200"]);
    const { bytes, records, deadLetters, maxRssMb } = JSON.parse(stdout) as LargePageResult;
    expect(bytes).toBeGreaterThanOrEqual(200e6);
    expect(records).toBeGreaterThan(400_000);
    expect(deadLetters).toBe(1);
    expect(maxRssMb).toBeLessThan(256);
  });
});
