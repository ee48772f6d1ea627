import { describe, expect, it } from "@jest/globals";
import { Checker } from "../faults/checker.js";
import type { Happening } from "../faults/history.js";

/** What happens, 100 ms apart unless a number says how long it takes. */
type Told = Happening | number;

function findings(...told: readonly Told[]): string[] {
  const checker = new Checker();
  let t = 0;
  for (const what of told) {
    if (typeof what === "number") {
      t += what;
      continue;
    }
    t += 100;
    checker.see({ t, ...what });
  }
  return [...new Set(checker.finish().map(({ broken }) => broken))];
}

const source: Happening = { kind: "source", source: "s", complete: true };
const reader: Happening = { kind: "reader", reader: "r", sources: ["s"] };
/** Versions 1 to 4; the last one is of the first thing. */
const said: Happening = { kind: "said", source: "s", versions: [[1, 1], [2, 2], [3, 3], [4, 1]] }; // prettier-ignore
const things = [0, 1, 2, 3, 1];

/** Each record: offset, running number and version alike, unless they are given. */
function logged(...records: readonly (number | readonly [offset: number, seq: number, n: number])[]): Happening {
  return {
    kind: "logged",
    source: "s",
    records: records.map((record) => {
      const [offset, seq, n] = typeof record === "number" ? [record, record, record] : record;
      return [offset, seq, n, things[n] ?? 0] as const;
    }),
  };
}

let calls = 0;
/** A fetch, and what came of it. */
function fetched(
  mode: "auto" | "manual" | "tail",
  offsets: readonly number[],
  how: "whole" | "broken" | "refused" = "whole",
  gaps: readonly (readonly [from: number, to: number])[] = [],
): Happening[] {
  calls += 1;
  const call = calls;
  return [
    { kind: "fetch", call, reader: "r", mode },
    {
      kind: "batch",
      call,
      records: offsets.length === 0 ? {} : { s: offsets.map((offset) => [offset, offset] as const) },
      gaps: gaps.map(([from, to]) => ({ source: "s", from, to, reason: "EXPIRED" })),
    },
    { kind: "end", call, how },
  ];
}

const acked = (offset: number): Happening => ({ kind: "acked", reader: "r", upTo: { s: offset } });
const settled: Happening = { kind: "settled" };
const fault = (what: string, name = what): Happening => ({ kind: "fault", fault: 1, name, what });
const healed: Happening = { kind: "healed", fault: 1 };

let ops = 0;
const invoke = (what: "start" | "stop" | "status"): Happening & { op: number } => {
  ops += 1;
  return { kind: "invoke", op: ops, client: "c", what, source: "s" };
};
const ok = ({ op }: { op: number }, desired?: "STARTED" | "STOPPED"): Happening => ({
  kind: "return",
  op,
  outcome: "ok",
  ...(desired === undefined ? {} : { desired }),
});
const unknown = ({ op }: { op: number }): Happening => ({ kind: "return", op, outcome: "unknown" });
/** One that is over before the next begins. */
const done = (what: "start" | "stop"): Happening[] => {
  const op = invoke(what);
  return [op, ok(op)];
};
const status = (desired: "STARTED" | "STOPPED"): Happening[] => {
  const op = invoke("status");
  return [op, ok(op, desired)];
};
const poll = (by = "ingestor-1"): Happening => ({ kind: "poll", source: "s", by });

describe("the checker, of the log", () => {
  const log = (...happenings: readonly Told[]): string[] => findings(source, said, ...happenings, settled);

  it("finds nothing where all is well", () => {
    expect(log(logged(1, 2), logged(3, 4))).toEqual([]);
    // Transactions take offsets.
    expect(log(logged([1, 1, 1], [3, 2, 2], [9, 3, 3], [10, 4, 4]))).toEqual([]);
  });

  it.each([
    ["lost", [logged(1, 2, [3, 3, 4])]],
    ["lost", [logged(1, 2, 3)]],
    ["written twice", [logged(1, 2, 3, 4, [5, 5, 3])]],
    ["out of order", [logged(1, 2, [3, 3, 4], [4, 4, 3])]],
    ["running numbers", [logged(1, 2, [3, 4, 3], [4, 5, 4])]],
    ["never said", [logged(1, 2, 3, 4, [5, 5, 7])]],
    ["damaged", [logged(1, 2, 3, 4), { kind: "damaged", source: "s", offset: 3, where: "r" }]],
  ] satisfies [string, Told[]][])("finds what is %s", (broken, happenings) => {
    expect(log(...happenings)).toContain(broken);
  });

  it("wants the newest of each thing of an API that shows no more", () => {
    const now = (...happenings: readonly Told[]): string[] =>
      findings({ kind: "source", source: "s", complete: false }, said, ...happenings, settled);
    expect(now(logged([1, 1, 2], [2, 2, 3], [3, 3, 4]))).toEqual([]);
    expect(now(logged([1, 1, 1], [2, 2, 2], [3, 3, 3]))).toEqual(["lost"]);
    expect(now(logged([1, 1, 4], [2, 2, 2], [3, 3, 3], [4, 4, 1]))).toEqual(["out of order"]);
  });
});

describe("the checker, of reading", () => {
  const reading = (...happenings: readonly Told[]): string[] =>
    findings(source, reader, said, logged(1, 2, 3, 4), ...happenings, settled);

  it("finds nothing where all is well", () => {
    expect(reading(...fetched("auto", [1, 2]), ...fetched("auto", [3, 4]), ...fetched("auto", []))).toEqual([]);
    expect(reading(...fetched("manual", [1, 2, 3, 4]), acked(5))).toEqual([]);
    // What was broken off, and what nobody has acknowledged, comes again.
    expect(reading(...fetched("auto", [1, 2], "broken"), ...fetched("auto", [1, 2, 3, 4]))).toEqual([]);
    expect(reading(...fetched("manual", [1, 2]), ...fetched("manual", [1, 2, 3, 4]), acked(5))).toEqual([]);
    expect(reading(...fetched("tail", [1, 2, 3, 4], "broken"))).toEqual([]);
  });

  it("finds what was not received", () => {
    expect(reading(...fetched("auto", [1, 2]), ...fetched("auto", [4]))).toEqual(["not received"]);
    expect(reading(...fetched("auto", [1, 2], "broken"), ...fetched("auto", [3, 4]))).toEqual(["not received"]);
    expect(reading(...fetched("manual", [1, 2, 3]), acked(4))).toEqual(["not received"]);
  });

  it("finds what comes after its acknowledgement, whatever has happened", () => {
    const again = "received after its acknowledgement";
    const by = [fault("kill -9 of reader-1"), healed];
    expect(reading(...fetched("manual", [1, 2, 3]), acked(4), ...by, ...fetched("manual", [3, 4]))).toEqual([again]);
    // A later answer has shown that the first was acknowledged.
    const later = [...fetched("auto", [1, 2]), ...fetched("auto", [3]), ...by, ...fetched("auto", [2, 3, 4])];
    expect(reading(...later)).toEqual([again]);
  });

  it("lets a whole answer come again only where something happened to those who knew of it", () => {
    const first = fetched("auto", [1, 2]);
    const second = fetched("auto", [1, 2, 3, 4]);
    expect(reading(...first, ...second)).toEqual(["received again without cause"]);
    expect(reading(...first, fault("kill -9 of gateway"), healed, ...second)).toEqual([]);
    expect(reading(...first, fault("kill -9 of ingestor-1"), healed, ...second)).toEqual([
      "received again without cause",
    ]);
    expect(reading(fault("kill -9 of gateway"), healed, 60_000, ...first, ...second)).toEqual([
      "received again without cause",
    ]);
  });

  it("lets a live tail bring it again in several batches, for one reason and once", () => {
    const tail = (...batches: readonly (readonly number[])[]): Happening[] => {
      const [begin, batch, end] = fetched("tail", batches[0] ?? [], "broken") as [Happening, Happening, Happening];
      const others = batches.slice(1).map((offsets): Happening => ({
        kind: "batch",
        call: calls,
        records: { s: offsets.map((offset) => [offset, offset] as const) },
        gaps: [],
      }));
      return [begin, batch, ...others, end];
    };
    const killed = [fault("kill -9 of reader-1"), healed];
    expect(reading(...tail([1, 2], [3, 4]), ...killed, ...tail([1, 2], [3, 4]))).toEqual([]);
    const later = [...tail([1, 2], [3, 4]), ...killed, 60_000, ...tail([1, 2], [3, 4]), 60_000, ...tail([3, 4])];
    expect(reading(...later)).toEqual(["received again without cause"]);
  });

  it("finds disorder, and a record that is another one elsewhere", () => {
    expect(reading(...fetched("auto", [1, 3, 2, 4]))).toEqual(["received out of order"]);
    const call = fetched("auto", [1, 2, 3, 4]);
    const other: Happening = { kind: "batch", call: calls, records: { s: [[5, 1], [1, 2]] }, gaps: [] }; // prettier-ignore
    expect(reading(...call.slice(0, 2), other, ...call.slice(2))).toContain("damaged");
  });

  it("finds a gap that is not told, and one where nothing is missing", () => {
    const expired: Happening = { kind: "expire", source: "s", below: 3 };
    expect(reading(expired, ...fetched("manual", [3, 4], "whole", [[1, 3]]))).toEqual([]);
    expect(reading(expired, ...fetched("manual", [3, 4]))).toEqual(["not received"]);
    expect(reading(...fetched("manual", [3, 4], "whole", [[1, 3]]))).toEqual(["gap where nothing is missing"]);
    // One in an answer that was broken off was not told.
    expect(reading(expired, ...fetched("manual", [], "broken", [[1, 3]]), ...fetched("manual", [3, 4]))).toEqual([
      "not received",
    ]);
  });

  it("finds a refusal that does not pass by itself", () => {
    expect(reading(...fetched("manual", [1, 2, 3, 4]), ...fetched("manual", [], "refused"))).toEqual(["refused"]);
  });
});

describe("the checker, of Start, Stop and GetStatus", () => {
  const control = (...happenings: readonly Told[]): string[] => findings(source, ...happenings, settled);

  it("finds nothing where all is well", () => {
    expect(control(...done("start"), ...status("STARTED"), ...done("stop"), ...status("STOPPED"))).toEqual([]);
    // Two at once: either may be the later one.
    const [start, stop] = [invoke("start"), invoke("stop")];
    expect(control(start, stop, ok(start), ok(stop), ...status("STARTED"), ...status("STARTED"))).toEqual([]);
    // A status asked for meanwhile may be of before or after.
    const during = invoke("stop");
    expect(control(...done("start"), during, ...status("STARTED"), ...status("STOPPED"), ok(during))).toEqual([]);
    const asked = invoke("status");
    expect(control(...done("start"), asked, ...done("stop"), ok(asked, "STARTED"))).toEqual([]);
  });

  it("finds a stale status", () => {
    expect(control(...done("start"), ...done("stop"), ...status("STARTED"))).toEqual(["not linearizable"]);
    expect(control(...done("start"), ...status("STOPPED"))).toEqual(["not linearizable"]);
    // Once seen, it does not go back.
    const during = invoke("stop");
    expect(control(...done("start"), during, ...status("STOPPED"), ...status("STARTED"), ok(during))).toEqual([
      "not linearizable",
    ]);
    const [start, stop] = [invoke("start"), invoke("stop")];
    expect(control(start, stop, ok(start), ok(stop), ...status("STARTED"), ...status("STOPPED"))).toEqual([
      "not linearizable",
    ]);
  });

  it("lets an order of unknown outcome take effect later or never", () => {
    const lost = invoke("stop");
    expect(control(...done("start"), lost, unknown(lost), ...status("STARTED"), 5000, ...status("STOPPED"))).toEqual(
      [],
    );
    const other = invoke("stop");
    expect(control(...done("start"), other, unknown(other), ...status("STARTED"))).toEqual([]);
  });

  it("finds a request to the API after Stop", () => {
    const stop = invoke("stop");
    expect(control(...done("start"), poll(), stop, poll(), ok(stop), poll(), ...done("start"), 500, poll())).toEqual(
      [],
    );
    expect(control(...done("start"), ...done("stop"), 500, poll())).toEqual(["polled after Stop"]);
    // A Start that nobody knows of may have begun it.
    const start = invoke("start");
    expect(control(...done("stop"), start, unknown(start), 500, poll())).toEqual([]);
  });

  it("takes one of who has just woken up for what it is", () => {
    const frozen = fault("SIGSTOP of ingestor-2", "SIGSTOP, beyond the lease");
    expect(control(frozen, ...done("start"), ...done("stop"), 500, healed, poll("ingestor-2"))).toEqual([]);
    expect(control(frozen, ...done("start"), ...done("stop"), 500, healed, poll("ingestor-1"))).toEqual([
      "polled after Stop",
    ]);
  });
});

describe("the checker, of going on", () => {
  const calm: Happening = { kind: "calm" };
  const note: Happening = { kind: "note", text: "time goes by" };
  const begin = [source, reader, said, logged(1, 2, 3, 4)];

  it("finds nothing where all goes on in time", () => {
    expect(findings(...begin, calm, poll(), ...fetched("auto", [1, 2, 3, 4]), 130_000, note, settled)).toEqual([]);
  });

  it("finds a source that is not polled, a reader without an answer, and one that stays behind", () => {
    expect(findings(...begin, calm, ...fetched("auto", [1, 2, 3, 4]), 130_000, note, settled)).toEqual(["hang"]);
    expect(findings(...begin, ...fetched("auto", [1, 2, 3, 4]), calm, poll(), 130_000, note, settled)).toEqual([
      "hang",
    ]);
    const [behind, rest] = [fetched("auto", [1, 2]), fetched("auto", [3, 4])];
    expect(findings(...begin, calm, poll(), ...behind, 130_000, ...rest, settled)).toEqual(["hang"]);
  });

  it("begins to wait anew when Kafka itself was stuck and has been started again, and no longer than that", () => {
    const stuck: Happening = { kind: "stuck", groups: ["g"] };
    const [behind, rest] = [fetched("auto", [1, 2]), fetched("auto", [3, 4])];
    const late = [...begin, calm, poll(), ...behind, 110_000, stuck, 110_000];
    expect(findings(...late, ...rest, 130_000, note, settled)).toEqual([]);
    expect(findings(...late, 20_000, ...rest, settled)).toEqual(["hang"]);
  });

  it("measures how long it takes after a fault", () => {
    const checker = new Checker();
    let t = 0;
    const happenings = [...begin, ...done("start"), fault("kill -9"), healed, poll(), ...fetched("auto", [1, 2])];
    for (const happening of happenings) checker.see({ t: (t += 100), ...happening });
    expect(checker.progress.recoveries.get("kill -9")).toEqual({ polled: [100], delivered: [300] });
  });
});
