import { Code, type ConnectError } from "@connectrpc/connect";
import { afterAll, afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { ActualState, DesiredState } from "@apispool/contracts/apispool/v1/worker_control_pb.js";
import { HealthCheckResponse_ServingStatus as Status } from "@apispool/contracts/health/v1/health_pb.js";
import { reasonOf } from "@apispool/common/errors.js";
import { path } from "./testing/expressions.js";
import { FakeApi } from "./testing/fake-api.js";
import { Harness, type TestIngestor, eventually, headerOf } from "./testing/harness.js";

describe("the ingestor", () => {
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
  afterAll(() => undefined);

  const status = async (ingestor: TestIngestor) => {
    const { sources } = await ingestor.control.getStatus({});
    const [only] = sources;
    if (only === undefined) throw new Error("no status");
    return only;
  };
  const polls = async (ingestor: TestIngestor, more: number) => {
    const before = (await status(ingestor)).polls;
    await eventually(async () => expect((await status(ingestor)).polls).toBeGreaterThan(before + BigInt(more)));
  };
  const failure = async (call: Promise<unknown>): Promise<ConnectError> =>
    await call.then(
      () => {
        throw new Error("it succeeded");
      },
      (error: unknown) => error as ConnectError,
    );

  it("writes each record byte for byte as the API sent it, with what tells about it in the headers", async () => {
    const first = '{ "z":1, "id" : 12345678901234567890, "a": "\\u00e9\\"]}" , "when": 1500000000.5}';
    const second = '{"id":12345678901234567891,"big":1e400,"neg":-0.0}';
    api.answerJson(`\ufeff{"meta":{"features":[0]},"features":[ ${first} ,\n${second}],"bbox":[1,2]}`);
    const ingestor = await harness.ready({ url: `${api.url}?api_key=hush`, extract: { eventTime: path("when") } });
    await ingestor.control.start({});
    await eventually(async () => expect(await harness.values()).toHaveLength(2));
    const records = await harness.read(harness.names.records("things"));
    expect(records.map(({ value }) => String(value))).toEqual([first, second]);
    expect(records.map(({ key }) => String(key))).toEqual(["12345678901234567890", "12345678901234567891"]);
    const headers = Object.fromEntries((records[0]?.headers ?? []).map(([name, value]) => [name, String(value)]));
    expect(headers).toEqual({
      ce_specversion: "1.0",
      ce_id: "12345678901234567890",
      ce_source: api.url,
      ce_type: "apispool.record.v1",
      ce_time: "2017-07-14T02:40:00.500Z",
      "content-type": "application/json",
      "apispool-seq": "1",
      "apispool-hash": expect.stringMatching(/^[0-9a-f]{32}$/),
    });
    expect(records.map((record) => headerOf(record, "apispool-seq"))).toEqual(["1", "2"]);
    expect((await status(ingestor)).url).toBe(`${api.url}?api_key=***`);
  });

  it("asks conditionally, and writes nothing for a 304", async () => {
    api.answerJson([{ id: "a" }], '"one"');
    const ingestor = await harness.ready({ url: api.url });
    await ingestor.control.start({});
    await eventually(async () => expect((await status(ingestor)).notModified).toBeGreaterThan(2n));
    expect(await status(ingestor)).toMatchObject({
      recordsSinceStart: 1n,
      recordsTotal: 1n,
      duplicatesDropped: 0n,
      lastHttpStatus: 304,
      lastError: "",
      consecutiveFailures: 0,
    });
    expect(await harness.values()).toHaveLength(1);
    expect(api.requests[0]?.headers).toMatchObject({ "user-agent": "apispool/0.1" });
    // A new process goes on where the old one was.
    await ingestor.stop();
    const before = api.requests.length;
    const next = await harness.ready({ url: api.url });
    await polls(next, 1);
    expect(api.requests[before]?.headers["if-none-match"]).toBe('"one"');
    expect(await status(next)).toMatchObject({ recordsSinceStart: 0n, recordsTotal: 1n });
  });

  it("does not write what it has written before, in this process or one before; a change is a new version", async () => {
    let version = 1;
    let turn = 0;
    // No two answers are the same, so that the records themselves are compared.
    api.answer((_request, response) => {
      turn += 1;
      response.end(
        JSON.stringify({
          turn,
          items: [
            { id: 1, version },
            { id: 2, version: 1 },
            { id: 1, version },
          ],
        }),
      );
    });
    const ingestor = await harness.ready({ url: api.url });
    await ingestor.control.start({});
    await polls(ingestor, 3);
    expect(await harness.values()).toEqual(['{"id":1,"version":1}', '{"id":2,"version":1}']);
    expect((await status(ingestor)).duplicatesDropped).toBeGreaterThanOrEqual(7n);
    await ingestor.stop();
    const next = await harness.ready({ url: api.url });
    await polls(next, 2);
    expect(await harness.values()).toHaveLength(2);
    version = 2;
    await polls(next, 2);
    expect(await harness.values()).toEqual(['{"id":1,"version":1}', '{"id":2,"version":1}', '{"id":1,"version":2}']);
    const sequences = (await harness.read(harness.names.records("things"))).map((r) => headerOf(r, "apispool-seq"));
    expect(sequences).toEqual(["1", "2", "3"]);
    expect(await status(next)).toMatchObject({ recordsSinceStart: 1n, recordsTotal: 3n });
  });

  it("starts and stops idempotently, and remembers what was wanted", async () => {
    api.answerJson([{ id: "a" }]);
    const ingestor = await harness.ready({ url: api.url });
    expect(await status(ingestor)).toMatchObject({
      changed: false,
      desiredState: DesiredState.STOPPED,
      actualState: ActualState.STOPPED,
      polls: 0n,
    });
    const started = await ingestor.control.start({ sources: ["things", "things"] });
    expect(started.sources).toMatchObject([{ source: "things", changed: true, desiredState: DesiredState.STARTED }]);
    expect((await ingestor.control.start({})).sources).toMatchObject([{ changed: false }]);
    await polls(ingestor, 1);
    await ingestor.stop();

    const second = await harness.ready({ url: api.url });
    await polls(second, 1);
    const stopped = await second.control.stop({});
    expect(stopped.sources).toMatchObject([
      { changed: true, desiredState: DesiredState.STOPPED, actualState: ActualState.STOPPED },
    ]);
    expect(stopped.sources[0]?.nextPollAt).toBeUndefined();
    expect((await second.control.stop({})).sources).toMatchObject([{ changed: false }]);
    await second.stop();

    const third = await harness.ready({ url: api.url, autostart: true });
    expect(await status(third)).toMatchObject({ actualState: ActualState.STOPPED, recordsTotal: 1n });
  });

  it("polls without being asked where the configuration says so and nobody said Stop", async () => {
    api.answerJson([{ id: "a" }]);
    const ingestor = await harness.ready({ url: api.url, autostart: true });
    await polls(ingestor, 1);
    expect(await status(ingestor)).toMatchObject({ desiredState: DesiredState.STARTED });
  });

  it("knows no other source, says which there are, and changes nothing", async () => {
    const ingestor = await harness.ready({ url: api.url });
    for (const call of ["start", "stop", "getStatus"] as const) {
      const error = await failure(ingestor.control[call]({ sources: ["things", "bogus"] }));
      expect(error).toMatchObject({ code: Code.NotFound });
      expect(error.rawMessage).toContain('unknown: "bogus"; known: "things"');
      expect(reasonOf(error)).toBe("UNKNOWN_SOURCE");
    }
    expect(await status(ingestor)).toMatchObject({ desiredState: DesiredState.STOPPED });
  });

  it("gives up a request under way when stopped, and writes nothing after that", async () => {
    api.answerJson([{ id: "before" }]);
    const ingestor = await harness.ready({ url: api.url });
    await ingestor.control.start({});
    await eventually(async () => expect(await harness.values()).toHaveLength(1));
    let release: () => void = () => undefined;
    api.answer((_request, response) => {
      release = () => response.end('[{"id":"after"}]');
    });
    const held = api.requests.length;
    await eventually(async () => expect(api.requests.length).toBeGreaterThan(held));
    expect((await ingestor.control.stop({})).sources).toMatchObject([{ actualState: ActualState.STOPPED }]);
    release();
    const requests = api.requests.length;
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(api.requests.length).toBe(requests);
    expect(await harness.values()).toEqual(['{"id":"before"}']);
  });

  it("puts into the dead letters what cannot be a record, once, and writes the rest", async () => {
    let turn = 0;
    api.answer((_request, response) => {
      turn += 1;
      response.end(`{"turn":${turn},"items":[{"id":"a"},{"no":1},7,{"id":"b"}]}`);
    });
    const ingestor = await harness.ready({ url: api.url, extract: { id: [path("id")], records: path("items") } });
    await ingestor.control.start({});
    await polls(ingestor, 2);
    await ingestor.stop();
    const next = await harness.ready({ url: api.url, extract: { id: [path("id")], records: path("items") } });
    await polls(next, 2);
    expect(await harness.values()).toEqual(['{"id":"a"}', '{"id":"b"}']);
    const letters = await harness.read(harness.names.deadLetters("things"));
    expect(letters.map(({ value }) => String(value))).toEqual(['{"no":1}', "7"]);
    expect(letters.map((letter) => headerOf(letter, "apispool-reason"))).toEqual([
      'it has no id at "id"',
      'it has no id at "id"',
    ]);
  });

  it.each([
    [200, "<!DOCTYPE html><title>Sign in</title>", "web page, not JSON .*<!DOCTYPE html><title>Sign in"],
    [200, '[{"id":1},{"id"', "not valid JSON"],
    [200, '{"a":[{}],"b":[{}]}', 'several lists; set records .*"a", "b"'],
    [500, "boom", "HTTP 500"],
    [401, "", "HTTP 401.*check auth"],
    [404, "", "HTTP 404.*check url"],
  ])("backs off from an answer %s %s, says why, and recovers by itself", async (code, body, text) => {
    api.answer((_request, response) => response.writeHead(code).end(body));
    const ingestor = await harness.ready({ url: api.url });
    await ingestor.control.start({});
    await eventually(async () => {
      expect(await status(ingestor)).toMatchObject({
        actualState: ActualState.BACKING_OFF,
        desiredState: DesiredState.STARTED,
        lastError: expect.stringMatching(new RegExp(text)),
      });
    });
    expect((await status(ingestor)).nextPollAt).toBeDefined();
    api.answerJson([{ id: "a" }]);
    await eventually(async () => {
      expect(await status(ingestor)).toMatchObject({ lastError: "", consecutiveFailures: 0, recordsTotal: 1n });
    });
  });

  it("streams the status at once and at every change, and ends when the service does", async () => {
    api.answerJson([{ id: "a" }]);
    const ingestor = await harness.ready({ url: api.url });
    const states: ActualState[] = [];
    const watching = (async () => {
      for await (const { sources } of ingestor.control.watchStatus({})) {
        for (const { actualState } of sources) states.push(actualState);
        if (states.includes(ActualState.IDLE)) return;
      }
    })();
    await eventually(async () => expect(states).toEqual([ActualState.STOPPED]));
    await ingestor.control.start({});
    await watching;
    expect(states).toContain(ActualState.POLLING);
  });

  it("is up without Kafka, and says so", async () => {
    const ingestor = await harness.start({ url: api.url, autostart: true }, { brokers: ["127.0.0.1:1"] });
    expect(await ingestor.health.check({})).toMatchObject({ status: Status.NOT_SERVING });
    for (const call of ["start", "stop", "getStatus"] as const) {
      const error = await failure(ingestor.control[call]({}));
      expect(error).toMatchObject({ code: Code.Unavailable });
      expect(reasonOf(error)).toBe("KAFKA_UNAVAILABLE");
    }
    expect(api.requests).toHaveLength(0);
    const served = await harness.ready({ url: api.url });
    await eventually(async () => expect(await served.health.check({})).toMatchObject({ status: Status.SERVING }));
  });
});
