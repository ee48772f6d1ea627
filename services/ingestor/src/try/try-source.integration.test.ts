import { Code, type ConnectError } from "@connectrpc/connect";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { DesiredState } from "@apispool/contracts/apispool/v1/worker_control_pb.js";
import { FakeApi } from "../testing/fake-api.js";
import { Harness, eventually } from "../testing/harness.js";
import { path } from "../testing/expressions.js";

describe("trying a source", () => {
  let harness: Harness;
  let api: FakeApi;

  beforeEach(async () => {
    harness = new Harness();
    api = await FakeApi.start();
  });
  afterEach(async () => {
    await harness.close();
    await api[Symbol.asyncDispose]();
  });

  it("tells what a poll would write and drop, and writes nothing", async () => {
    api.answerJson('[{"id":"a","at":1},{"no":1},{"id":"b","at":12345678901234567890}]', '"one"');
    const source = {
      url: `${api.url}?token=hush`,
      extract: { id: [path("id")] },
      cursor: { field: path("at"), type: "number", initial: undefined, overlap: 1, format: "unix" } as const,
    };
    const ingestor = await harness.ready(source);
    const tried = await ingestor.control.trySource({ source: "things" });
    expect(tried).toMatchObject({
      records: [
        { id: "a", key: "a", json: '{"id":"a","at":1}' },
        { id: "b", json: '{"id":"b","at":12345678901234567890}' },
      ],
      deadLetters: [{ reason: 'it has no id at "id"', place: expect.any(String) }],
      recordsTotal: 2n,
      duplicates: 0n,
      requests: [{ method: "GET", url: `${api.url}?token=***`, status: 200 }],
      nextCursor: "12345678901234567889",
      pages: 1,
      error: "",
    });
    expect(await harness.read(harness.names.records("things"))).toEqual([]);
    expect(await harness.read(harness.names.state)).toEqual([]);
    expect((await ingestor.control.getStatus({})).sources).toMatchObject([
      { desiredState: DesiredState.STOPPED, polls: 0n, recordsTotal: 0n },
    ]);
    // While it runs as well: what is in the log already would be dropped.
    await ingestor.control.start({});
    await eventually(async () => expect(await harness.values()).toHaveLength(2));
    const again = await ingestor.control.trySource({ source: "things", maxRecords: 1 });
    expect(again).toMatchObject({ records: [], duplicates: 2n, requests: [{ status: 200 }] });
  });

  it("tells what went wrong with the API, and which source there is not", async () => {
    api.answer((_request, response) => response.writeHead(500).end());
    const ingestor = await harness.ready({ url: api.url });
    expect(await ingestor.control.trySource({ source: "things" })).toMatchObject({
      records: [],
      requests: [{ status: 500 }],
      error: expect.stringContaining("HTTP 500"),
    });
    for (const [source, code] of [
      ["bogus", Code.NotFound],
      ["", Code.InvalidArgument],
    ] as const) {
      const refused = await ingestor.control.trySource({ source }).catch((error: unknown) => error as ConnectError);
      expect(refused).toMatchObject({ code });
    }
  });
});
