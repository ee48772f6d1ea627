import { describe, expect, it } from "@jest/globals";
import { sourceConfig } from "../testing/source-config.js";
import { newCounters } from "../worker/worker-status.js";
import type { Worker } from "../worker/worker.js";
import type { ControlLog, Desired } from "./control-log.js";
import { SourceSet } from "./source-set.js";

/** A set of one source, which other ingestors have been told to do something about that it has not heard of. */
function lateSet(unheard: { current: Desired | undefined; away?: boolean }): {
  sources: SourceSet;
  written: Desired[];
} {
  const written: Desired[] = [];
  let offset = 0;
  const worker = {
    running: false,
    start: () => undefined,
    wait: () => undefined,
    stop: async () => undefined,
    status: { source: "a", url: "", state: { kind: "stopped" }, since: 0, page: 0, counters: newCounters() },
  } as unknown as Worker;
  const control = {
    write: async (_sources: readonly string[], desired: Desired) => {
      written.push(desired);
      offset += 1;
      return offset;
    },
  } as unknown as ControlLog;
  const sources = new SourceSet({
    owner: { id: "me", host: "here", pid: 1 },
    control,
    brokers: [],
    ask: async () => {
      if (unheard.away === true) throw new Error("Kafka cannot be reached");
      if (unheard.current === undefined) return;
      offset += 1;
      sources.onControl("a", unheard.current, offset);
      unheard.current = undefined;
    },
    make: () => ({ worker, shutOut: async () => undefined, close: () => undefined }),
    onChange: () => undefined,
  });
  sources.configure([sourceConfig({ name: "a" })]);
  sources.onAssigned({ sources: new Set(["a"]), members: new Set(["me"]) });
  sources.begin();
  return { sources, written };
}

describe("what other ingestors were told", () => {
  it("is known before an order is taken for done", async () => {
    const unheard: { current: Desired | undefined } = { current: undefined };
    const { sources, written } = lateSet(unheard);
    await sources.want("STARTED", [], "1");
    // Stopped elsewhere meanwhile: to start it again something has to be written.
    unheard.current = "STOPPED";
    const [status] = await sources.want("STARTED", [], "2");
    expect(written).toEqual(["STARTED", "STARTED"]);
    expect(status?.changed).toBe(true);
    // And nothing where it is so.
    const [again] = await sources.want("STARTED", [], "3");
    expect(written).toHaveLength(2);
    expect(again?.changed).toBe(false);
  });

  it("is in the status", async () => {
    const unheard: { current: Desired | undefined } = { current: undefined };
    const { sources } = lateSet(unheard);
    unheard.current = "STARTED";
    expect((await sources.newest([])).map(({ desiredState }) => desiredState)).toEqual([1]);
    unheard.current = "STOPPED";
    expect((await sources.newest([])).map(({ desiredState }) => desiredState)).toEqual([2]);
  });

  it("cannot be known without Kafka: an order fails, a status says so", async () => {
    const unheard = { current: undefined, away: false };
    const { sources, written } = lateSet(unheard);
    await sources.want("STARTED", [], "1");
    unheard.away = true;
    await expect(sources.want("STARTED", [], "2")).rejects.toThrow("Kafka cannot be reached");
    expect(written).toEqual(["STARTED"]);
    const [status] = await sources.newest([]);
    expect(status?.desiredState).toBe(1);
    expect(status?.lastError).toContain("as it was last heard of");
  });
});
