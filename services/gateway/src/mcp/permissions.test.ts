import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { AccessHarness } from "../access/testing/access-harness.js";

let access: AccessHarness;
beforeAll(async () => {
  access = await AccessHarness.start();
  access.harness.reader.add(['{"n":1}']);
});
afterAll(() => access.stop());

async function connect(key: string): Promise<Client> {
  const client = new Client({ name: "test", version: "1" });
  const requestInit = { headers: { authorization: `Bearer ${key}` } };
  await client.connect(new StreamableHTTPClientTransport(new URL(`${access.url}/mcp`), { requestInit }));
  return client;
}

async function call(client: Client, name: string, args: Record<string, unknown>): Promise<string> {
  const { content, isError } = await client.callTool({ name, arguments: args });
  const [first] = content as { text: string }[];
  return `${isError === true ? "error: " : ""}${first?.text ?? ""}`;
}

describe("an agent with a key", () => {
  it("may by MCP what the key may by any protocol, and nothing else", async () => {
    const client = await connect(access.keys.limited.key);
    try {
      expect(await call(client, "read_records", { reader: "team-a.agent", sources: ["quakes"] })).toContain('{"n":1}');
      expect(await call(client, "read_records", { reader: "team-b.agent", sources: ["quakes"] })).toMatch(
        /^error: .*PERMISSION_DENIED/,
      );
      expect(await call(client, "seek", { reader: "team-b.agent", to: "latest", sources: ["quakes"] })).toMatch(
        /^error: .*PERMISSION_DENIED/,
      );
    } finally {
      await client.close();
    }
    const status = await connect(access.keys.status.key);
    try {
      expect(await call(status, "list_sources", {})).toContain('"source":"quakes"');
      expect(await call(status, "stop_source", { sources: ["quakes"] })).toMatch(/^error: .*PERMISSION_DENIED/);
      expect(await call(status, "peek", { since: "c0" })).toMatch(/^error: .*PERMISSION_DENIED/);
    } finally {
      await status.close();
    }
  });

  it("is asked for it", async () => {
    await expect(connect("apispool_wrong")).rejects.toThrow();
    expect((await access.fetch("/mcp", undefined, { method: "POST", body: "{}" })).status).toBe(401);
  });
});
