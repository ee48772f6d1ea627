import { describe, expect, it } from "@jest/globals";
import type { Exchange } from "../exchange.js";
import { eventually } from "../testing/harness.js";
import { Room, StalledAnswers } from "./stalled.js";

const mebi = 1024 * 1024;
const quietMs = 60_000;
const { signal } = new AbortController();

/** Room for five fetches, of which each client may have four in any case. */
function make(waitMs?: number) {
  const answers = new StalledAnswers(5 * mebi, waitMs);
  return { answers, room: (client = "a") => new Room(answers, client) };
}

function exchange(room: Room, writableLength = 0): Exchange {
  return { res: { writableLength }, room } as unknown as Exchange;
}

function fill(room: (client?: string) => Room, count: number, client?: string): Room[] {
  return Array.from({ length: count }, () => {
    const each = room(client);
    expect(each.enter(signal, quietMs)).toBeUndefined();
    return each;
  });
}

describe("room for fetches", () => {
  it("is there at once as long as there is any, and after that when another one leaves", async () => {
    const { room } = make();
    const first = room();
    expect(first.enter(signal, quietMs)).toBeUndefined();
    fill(room, 4);
    const sixth = room().enter(signal, quietMs);
    expect(sixth).toBeInstanceOf(Promise);
    first.leave();
    await sixth;
  });

  it("is there for a client that has few, however much others have", () => {
    const { room } = make();
    fill(room, 5);
    for (let index = 0; index < 4; index += 1) expect(room("b").enter(signal, quietMs)).toBeUndefined();
    const gone = new AbortController();
    const another = room("b").enter(gone.signal, quietMs);
    expect(another).toBeInstanceOf(Promise);
    another?.catch(() => {});
    gone.abort();
  });

  it("goes to each client in turn, whoever asked more often", async () => {
    const answers = new StalledAnswers(20 * mebi);
    const room = (client = "c") => new Room(answers, client);
    fill(room, 4, "a");
    fill(room, 4, "b");
    const held = fill(room, 12);
    const order: string[] = [];
    const next = ["a", "a", "a", "b"].map((client) => {
      const each = room(client);
      return Promise.resolve(each.enter(signal, quietMs)).then(() => order.push(client));
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
    fill(room, 5);
    const gone = new AbortController();
    const left = room().enter(gone.signal, quietMs);
    const late = room().enter(signal, quietMs);
    gone.abort(new Error("gone"));
    await expect(left).rejects.toThrow("gone");
    await expect(late).rejects.toThrow("MAX_STALLED_BYTES");
  });

  it("is not waited for by more than a hundred fetches of a client", async () => {
    const { room } = make(50);
    fill(room, 5);
    const hundred = Array.from({ length: 100 }, () => Promise.resolve(room().enter(signal, quietMs)));
    const outcome = Promise.allSettled(hundred);
    await expect(room().enter(signal, quietMs)).rejects.toThrow("MAX_STALLED_BYTES");
    await outcome;
  });

  it("is not taken by a fetch that waits for records", async () => {
    const { answers, room } = make();
    const follower = room();
    expect(follower.enter(signal, 1)).toBeUndefined();
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

  it("is taken by fetches only", () => {
    const { answers, room } = make();
    const noLonger = answers.wait(exchange(room(), 1000), () => {});
    expect(answers.bytes).toBe(1000);
    noLonger();
    expect(answers.bytes).toBe(0);
  });

  it("is made by cutting off the oldest where clients have twice too much", async () => {
    const { answers, room } = make();
    const cut: number[] = [];
    for (let index = 0; index < 11; index += 1) {
      const [each] = fill(room, 1, `client ${index}`);
      if (each === undefined) throw new Error("no room");
      answers.wait(exchange(each), () => {
        cut.push(index);
        each.leave();
      });
    }
    await eventually(() => cut.length > 0);
    expect(cut).toEqual([0]);
  });
});
