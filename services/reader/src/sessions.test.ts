import { Code, ConnectError } from "@connectrpc/connect";
import { describe, expect, it } from "@jest/globals";
import { reasonOf } from "@apispool/common/errors.js";
import { Sessions } from "./sessions.js";

const never = new AbortController().signal;
const holder = (requestId: string, follow = false) => ({ requestId, follow });
const place = { source: "s", topic: "t", topicId: "", partition: 0 };

describe("sessions", () => {
  it("give a reader to one after the other, in the order in which they asked", async () => {
    const sessions = new Sessions();
    const order: string[] = [];
    const first = await sessions.hold("me", holder("1"), 1000, never);
    const others = ["2", "3", "4"].map(async (id) => {
      const session = await sessions.hold("me", holder(id), 10_000, never);
      order.push(id);
      await new Promise((resolve) => setImmediate(resolve));
      session.release();
    });
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(order).toEqual([]);
    first.release();
    await Promise.all(others);
    expect(order).toEqual(["2", "3", "4"]);
    expect(sessions.of("me")).toBeUndefined();
  });

  it("never hold up another reader", async () => {
    const sessions = new Sessions();
    await sessions.hold("a", holder("1"), 0, never);
    await expect(sessions.hold("b", holder("2"), 0, never)).resolves.toBeDefined();
  });

  it("tell who holds a reader when it takes too long", async () => {
    const sessions = new Sessions();
    await sessions.hold("me", holder("the-tail", true), 0, never);
    const error = await sessions.hold("me", holder("2"), 5, never).catch((e: unknown) => e as ConnectError);
    expect(error).toBeInstanceOf(ConnectError);
    expect((error as ConnectError).code).toBe(Code.Aborted);
    expect(reasonOf(error as ConnectError)).toBe("READER_BUSY");
    expect((error as ConnectError).rawMessage).toMatch(/a live tail \(request the-tail\)/);
  });

  it("forget whoever gave up waiting, by time or by signal", async () => {
    const sessions = new Sessions();
    const first = await sessions.hold("me", holder("1"), 0, never);
    const gone = new AbortController();
    const waiting = sessions.hold("me", holder("2"), 10_000, gone.signal);
    gone.abort(new Error("client left"));
    await expect(waiting).rejects.toThrow("client left");
    await expect(sessions.hold("me", holder("3"), 1, never)).rejects.toThrow("held by");
    first.release();
    await expect(sessions.hold("me", holder("4"), 0, never)).resolves.toBeDefined();
  });

  it("nudge the holder that only waits for evidence", async () => {
    const sessions = new Sessions();
    const first = await sessions.hold("me", holder("1"), 0, never);
    first.nudge = () => first.release();
    await expect(sessions.hold("me", holder("2"), 1000, never)).resolves.toBeDefined();
  });

  it("releasing twice takes nothing from the one that came after", async () => {
    const sessions = new Sessions();
    const first = await sessions.hold("me", holder("1"), 0, never);
    first.release();
    const second = await sessions.hold("me", holder("2"), 0, never);
    first.release();
    expect(sessions.of("me")).toBe(second);
  });

  it("a lease ends when all of it is acknowledged, when its time is over, or by the signal", async () => {
    const sessions = new Sessions();
    const session = await sessions.hold("me", holder("1"), 0, never);
    const both = [
      { ...place, offset: 5 },
      { ...place, partition: 1, offset: 9 },
    ];
    const waiting = session.untilAcknowledged(both, 10_000, never);
    session.acknowledged([{ ...place, offset: 5 }]);
    session.acknowledged([{ ...place, partition: 1, offset: 8 }]);
    session.acknowledged([{ ...place, partition: 1, offset: 10 }]);
    expect(await waiting).toBe(true);
    expect(await session.untilAcknowledged([{ ...place, offset: 6 }], 5, never)).toBe(false);
    expect(await session.untilAcknowledged([{ ...place, offset: 6 }], 10_000, AbortSignal.abort())).toBe(false);
    expect(await session.untilAcknowledged([], 10_000, never)).toBe(true);
  });
});
