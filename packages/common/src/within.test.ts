import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { describe, expect, it } from "@jest/globals";
import { within } from "./within.js";

describe("within", () => {
  it("says whether it was in time, and passes errors on", async () => {
    expect(await within(3_600_000, Promise.resolve("anything"))).toBe(true);
    await expect(within(3_600_000, Promise.reject(new Error("no")))).rejects.toThrow("no");
    expect(await within(1, new Promise(() => undefined))).toBe(false);
  });

  it("leaves nothing behind that keeps a process up", async () => {
    const program = `import { within } from ${JSON.stringify(new URL("within.js", import.meta.url).href)};
      console.log(await within(3_600_000, Promise.resolve()));`;
    const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", program]);
    expect(stdout).toBe("true\n");
  });
});
