import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { Harness } from "./testing/harness.js";

describe("dead letters over HTTP", () => {
  let harness: Harness;
  beforeEach(async () => {
    harness = await Harness.start();
    harness.reader.deadLetters = [Buffer.from('{"name":"Zoë"}'), Buffer.from([0xff, 0x00])];
  });
  afterEach(() => harness.stop());

  const get = (query: string): Promise<Response> => fetch(`${harness.url}/worker/dead-letters${query}`);

  it("are text where they are text, and base64 where not", async () => {
    const answer = await get("?source=quakes&limit=2");
    expect([answer.status, answer.headers.get("cache-control")]).toEqual([200, "no-store"]);
    expect(await answer.json()).toEqual({
      deadLetters: [
        {
          source: "quakes",
          partition: 0,
          offset: 1,
          writtenAt: "2023-11-14T22:13:20.005Z",
          reason: "it has no id",
          place: "item 0",
          raw: '{"name":"Zoë"}',
          rawBase64: null,
          fullBytes: 15,
        },
        expect.objectContaining({ offset: 0, raw: null, rawBase64: "/wA=", fullBytes: 2 }),
      ],
      more: true,
    });
  });

  it("are still text where a character is cut in two", async () => {
    const { deadLetters } = (await (await get("?max_raw_bytes=12")).json()) as { deadLetters: { raw: string }[] };
    expect(deadLetters[0]).toMatchObject({ raw: '{"name":"Zo', rawBase64: null, fullBytes: 15 });
  });

  it.each([
    ["?limit=0", 400, "limit"],
    ["?limit=x&max_raw_bytes=-1", 400, "max_raw_bytes"],
    ["?limit=2&limit=3", 400, "limit"],
    ["?reader=me", 400, "known are source, limit, max_raw_bytes"],
    ["?limit=1001", 400, "from 1 to 1000"],
    ["?source=nope", 404, "nope"],
  ])("refuse %s", async (query, status, text) => {
    const answer = await get(query);
    expect(answer.status).toBe(status);
    expect(answer.headers.get("content-type")).toBe("application/problem+json");
    expect(await answer.text()).toContain(text);
  });
});
