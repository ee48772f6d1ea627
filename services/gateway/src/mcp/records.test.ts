import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { AccessHarness } from "../access/testing/access-harness.js";

let access: AccessHarness;
let client: Client;
beforeAll(async () => {
  access = await AccessHarness.start();
  const { store } = access.harness;
  for (let i = 0; i < 30; i += 1) store.add("quakes", `q${i}`, `{"n":${i}}`);
  store.add("tides", "t", "{}");
  client = await connect(access.keys.admin.key);
});
afterAll(async () => {
  await client.close();
  await access.stop();
});

async function connect(key: string): Promise<Client> {
  const made = new Client({ name: "test", version: "1" });
  const requestInit = { headers: { authorization: `Bearer ${key}` } };
  await made.connect(new StreamableHTTPClientTransport(new URL(`${access.url}/mcp`), { requestInit }));
  return made;
}

async function call(name: string, args: Record<string, unknown>, by = client): Promise<string> {
  const { content, isError } = await by.callTool({ name, arguments: args });
  const [first] = content as { text: string }[];
  return `${isError === true ? "error: " : ""}${first?.text ?? ""}`;
}

describe("an agent where a store is switched on", () => {
  it("queries, within bounds, and goes on by next", async () => {
    const first = JSON.parse(await call("query_records", { sources: ["quakes"] })) as {
      records: unknown[];
      next: string;
    };
    expect(first.records).toHaveLength(20);
    const rest = JSON.parse(
      await call("query_records", { sources: ["quakes"], cursor: first.next, limit: 200 }),
    ) as typeof first;
    expect([rest.records.length, rest.next]).toEqual([10, null]);
    expect(await call("query_records", { limit: 201 })).toMatch(/^error: limit: is 201; it must be .* to 200/);
    expect(await call("query_records", { where: "?" })).toMatch(/^error: where: has "\?" at 1/);
    const long = JSON.stringify("x".repeat(300_000));
    for (let i = 0; i < 4; i += 1) access.harness.store.add("long", `l${i}`, long);
    const cut = await call("query_records", { sources: ["long"], limit: 200 });
    expect(Buffer.byteLength(cut)).toBeLessThan(512 * 1024);
    expect(JSON.parse(cut)).toMatchObject({ next: "s2", records: [{ cut: true }, { cut: true }] });
  });

  it("counts", async () => {
    expect(JSON.parse(await call("count_records", { by_source: true, sources: ["quakes", "tides"] }))).toMatchObject({
      total: 31,
      counts: [
        { source: "quakes", count: 30 },
        { source: "tides", count: 1 },
      ],
    });
  });

  it("may see what its key may", async () => {
    const limited = await connect(access.keys.limited.key);
    try {
      expect(JSON.parse(await call("count_records", {}, limited))).toMatchObject({ total: 30 });
      expect(await call("query_records", { sources: ["tides"] }, limited)).toMatch(/^error: .*PERMISSION_DENIED/);
    } finally {
      await limited.close();
    }
  });
});
