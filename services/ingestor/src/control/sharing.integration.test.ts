import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { ActualState, DesiredState } from "@apispool/contracts/apispool/v1/worker_control_pb.js";
import { FakeApi } from "../testing/fake-api.js";
import { Harness, type TestIngestor, eventually } from "../testing/harness.js";

const names = ["a", "b", "c", "d", "e", "f"];

describe("several ingestors and several sources", () => {
  let harness: Harness;
  let api: FakeApi;
  let turn: number;

  beforeEach(async () => {
    harness = new Harness();
    api = await FakeApi.start();
    turn = 0;
    api.answer((_request, response) => {
      turn += 1;
      response.end(JSON.stringify([{ id: turn }]));
    });
  });
  afterEach(async () => {
    await harness.close();
    await api[Symbol.asyncDispose]();
  });

  const sources = (list = names, intervalMs = 50) =>
    list.map((name) => ({ name, url: `${api.url}/${name}`, intervalMs }));
  const owners = async (ingestor: TestIngestor) => {
    const { sources: found } = await ingestor.control.getStatus({});
    return new Map(found.map(({ source, owner }) => [source, owner]));
  };
  const shares = async (ingestor: TestIngestor) => {
    const counts = new Map<string, number>();
    for (const owner of (await owners(ingestor)).values()) counts.set(owner, (counts.get(owner) ?? 0) + 1);
    return [...counts]
      .filter(([owner]) => owner !== "")
      .map(([, count]) => count)
      .sort((a, b) => a - b);
  };

  it("share them evenly, tell of all of them, and take over what one leaves", async () => {
    const first = await harness.ready(sources());
    await first.control.start({});
    await eventually(async () => expect(await shares(first)).toEqual([6]));
    const second = await harness.ready(sources());
    await eventually(async () => expect(await shares(first)).toEqual([3, 3]));
    await eventually(async () => expect(await owners(second)).toEqual(await owners(first)));
    const third = await harness.ready(sources());
    await eventually(async () => expect(await shares(third)).toEqual([2, 2, 2]));
    await first.stop();
    await eventually(async () => expect(await shares(second)).toEqual([3, 3]));
    await third.stop();
    await eventually(async () => expect(await shares(second)).toEqual([6]));
    // Every version once, whoever wrote it.
    await second.control.stop({});
    const written = await Promise.all(names.map(async (name) => harness.values(name)));
    const ids = written.flat().map((value) => (JSON.parse(value) as { id: number }).id);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it("answer Start and Stop for sources that others poll, and Stop means stopped", async () => {
    const ingestors = [await harness.ready(sources()), await harness.ready(sources())] as const;
    await ingestors[0].control.start({});
    await eventually(async () => expect(await shares(ingestors[1])).toEqual([3, 3]));
    for (const ingestor of ingestors) {
      const stopped = await ingestor.control.stop({ sources: ["a", "b", "c"] });
      expect(stopped.sources.map(({ actualState }) => actualState)).toEqual([4, 4, 4]);
      const asked = () => api.requests.filter(({ url = "" }) => /[abc]$/.test(url)).length;
      const before = asked();
      await new Promise((resolve) => setTimeout(resolve, 150));
      expect(asked()).toBe(before);
      await ingestor.control.start({ sources: ["a", "b", "c"] });
      await eventually(async () => expect(asked()).toBeGreaterThan(before));
    }
    await eventually(async () => {
      const { sources: seen } = await ingestors[1].control.getStatus({});
      expect(seen.every(({ desiredState }) => desiredState === DesiredState.STARTED)).toBe(true);
      expect(seen.every(({ polls }) => polls > 0n)).toBe(true);
    });
  });

  it("follow a new configuration: what stays goes on, what is new begins, what is gone ends", async () => {
    const ingestor = await harness.ready(sources(["a", "b"]));
    await ingestor.control.start({});
    await eventually(async () => expect((await ingestor.control.getStatus({})).sources[0]?.polls).toBeGreaterThan(3n));
    const { polls = 0n } = (await ingestor.control.getStatus({})).sources[0] ?? {};
    await ingestor.reload([...sources(["a", "c"]), { name: "d", url: `${api.url}/d`, autostart: true }]);
    const after = (await ingestor.control.getStatus({})).sources;
    expect(after.map(({ source }) => source)).toEqual(["a", "c", "d"]);
    expect(after[0]?.polls).toBeGreaterThanOrEqual(polls);
    expect(after[1]).toMatchObject({ desiredState: DesiredState.STOPPED, actualState: ActualState.STOPPED });
    await eventually(async () => expect((await harness.values("d")).length).toBeGreaterThan(0));
    const asked = () => api.requests.filter(({ url = "" }) => url.endsWith("/b")).length;
    await new Promise((resolve) => setTimeout(resolve, 100));
    const before = asked();
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(asked()).toBe(before);
    // A changed one goes on from its state, and what was removed comes back as it was wanted.
    await ingestor.reload(sources(["a", "b"], 40));
    await eventually(async () => expect(asked()).toBeGreaterThan(before));
  });

  it("one that fails or hangs slows no other", async () => {
    api.answer((request, response) => {
      if (request.url?.endsWith("/a") === true) return;
      if (request.url?.endsWith("/b") === true) {
        response.writeHead(500).end();
        return;
      }
      turn += 1;
      response.end(JSON.stringify([{ id: turn }]));
    });
    const ingestor = await harness.ready(sources());
    await ingestor.control.start({});
    await eventually(async () => {
      const { sources: found } = await ingestor.control.getStatus({});
      expect(found.slice(2).every(({ polls }) => polls > 10n)).toBe(true);
      expect(found[0]).toMatchObject({ polls: 1n, actualState: ActualState.POLLING });
      expect(found[1]).toMatchObject({ actualState: ActualState.BACKING_OFF });
    });
  });
});
