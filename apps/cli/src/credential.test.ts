import { createHash } from "node:crypto";
import { describe, expect, it } from "@jest/globals";
import { FakeGateway } from "./testing/fake-gateway.js";
import { TestSurroundings } from "./testing/run.js";

describe("the key that the gateway is shown", () => {
  it("comes from a file, or the environment, and is never said", async () => {
    const gateway = await FakeGateway.start();
    try {
      const around = new TestSurroundings();
      around.files.set("key", "apispool_from-file\n").set("two", "apispool_a apispool_b");
      around.env = { APISPOOL_URL: gateway.url };
      const shown = async (...args: string[]) => {
        gateway.authorizations.length = 0;
        const { code, out, err } = await around.run("status", ...args);
        expect(out + err).not.toContain("apispool_");
        return { code, err, shown: gateway.authorizations };
      };
      expect(await shown()).toMatchObject({ code: 0, shown: [undefined] });
      expect(await shown("--key-file", "key")).toMatchObject({ code: 0, shown: ["Bearer apispool_from-file"] });
      around.env = { ...around.env, APISPOOL_KEY: "apispool_from-env" };
      expect((await shown()).shown).toEqual(["Bearer apispool_from-env"]);
      around.env = { ...around.env, APISPOOL_KEY_FILE: "key" };
      expect((await shown()).shown).toEqual(["Bearer apispool_from-file"]);
      expect(await shown("--key-file", "two")).toMatchObject({ code: 2, shown: [] });
      const missing = await shown("--key-file", "none");
      expect([missing.code, missing.err]).toEqual([2, expect.stringContaining("the key file cannot be read")]);
    } finally {
      await gateway.stop();
    }
  });

  it("is made with its hash", async () => {
    const { out } = await new TestSurroundings().run("key", "--json");
    const { key, sha256 } = JSON.parse(out) as { key: string; sha256: string };
    expect(key).toMatch(/^apispool_[\w-]{43}$/);
    expect(createHash("sha256").update(key).digest("hex")).toBe(sha256);
    expect((await new TestSurroundings().run("key")).out).toMatch(/^key {5}apispool_\S+\nsha256 {2}[0-9a-f]{64}\n$/);
  });
});
