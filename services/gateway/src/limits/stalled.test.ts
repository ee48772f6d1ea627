import { describe, expect, it } from "@jest/globals";
import type { Exchange } from "../exchange.js";
import { eventually } from "../testing/harness.js";
import { Room, StalledAnswers } from "./stalled.js";

const mebi = 1024 * 1024;
const quietMs = 60_000;
const { signal } = new AbortController();

/** Room for two fetches. */
function make(waitMs?: number) {
  const answers = new StalledAnswers(2 * mebi, waitMs);
  return { answers, room: (client = "a") => new Room(answers, client) };
}

function exchange(room: Room, writableLength = 0): Exchange {
  return { res: { writableLength }, room } as unknown as Exchange;
}

describe("room for fetches", () => {
  it("is there at once as long as there is any, and after that when another one leaves", async () => {
    const { room } = make();
    const first = room();
    expect(first.enter(signal, quietMs)).toBeUndefined();
    expect(room().enter(signal, quietMs)).toBeUndefined();
    const third = room().enter(signal, quietMs);
    expect(third).toBeInstanceOf(Promise);
    first.leave();
    await third;
  });

  it("is there for a client that has none, however much others have", () => {
    const { room } = make();
    for (let index = 0; index < 5; index += 1)
      void room("a")
        .enter(signal, quietMs)
        ?.catch(() => {});
    expect(room("b").enter(signal, quietMs)).toBeUndefined();
    const gone = new AbortController();
    const another = room("b").enter(gone.signal, quietMs);
    expect(another).toBeInstanceOf(Promise);
    another?.catch(() => {});
    gone.abort();
  });

  it("goes to each client in turn, whoever asked more often", async () => {
    const { room } = make();
    const held = [room("a"), room("a"), room("b")];
    for (const each of held) expect(each.enter(signal, quietMs)).toBeUndefined();
    const order: string[] = [];
    const next = ["a", "a", "a", "b"].map((client) => {
      const each = room(client);
      return each.enter(signal, quietMs)?.then(() => {
        order.push(client);
        each.leave();
      });
    });
    for (const each of held) each.leave();
    await Promise.all(next);
    expect(order.indexOf("b")).toBeLessThan(2);
  });

  it("lets a client begin so many fetches at once, and the next when one has begun, unless they wait for records", async () => {
    const answers = new StalledAnswers(1000 * mebi);
    const begin = (waits: boolean) => new Room(answers, "a").enter(signal, quietMs, waits);
    for (let index = 0; index < 32; index += 1) expect(begin(false)).toBeUndefined();
    for (let index = 0; index < 100; index += 1) expect(begin(true)).toBeUndefined();
    await begin(false);
  });

  it("is refused in the end, and given up by who goes", async () => {
    const { room } = make(50);
    room().enter(signal, quietMs);
    room().enter(signal, quietMs);
    const gone = new AbortController();
    const left = room().enter(gone.signal, quietMs);
    const late = room().enter(signal, quietMs);
    gone.abort(new Error("gone"));
    await expect(left).rejects.toThrow("gone");
    await expect(late).rejects.toThrow("MAX_STALLED_BYTES");
  });

  it("is not taken by a fetch that waits for records", async () => {
    const { answers, room } = make();
    const follower = room();
    follower.enter(signal, 1);
    follower.asks();
    await eventually(() => answers.bytes === 0);
    follower.got();
    // Until its client does not take them.
    const noLonger = answers.wait(exchange(follower, 1000), () => {});
    expect(answers.bytes).toBeGreaterThan(1000);
    noLonger();
    follower.leave();
    expect(answers.bytes).toBe(0);
  });

  it("is made by cutting off the oldest at once where clients have twice too much", () => {
    const { answers, room } = make();
    const cut: number[] = [];
    for (let index = 0; index < 6; index += 1) {
      const each = room(`client ${index}`);
      expect(each.enter(signal, quietMs)).toBeUndefined();
      answers.wait(exchange(each, 1000), () => {
        cut.push(index);
        each.leave();
      });
    }
    expect(cut).toEqual([0]);
  });
});
