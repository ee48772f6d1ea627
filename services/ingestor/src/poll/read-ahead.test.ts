import { describe, expect, it } from "@jest/globals";
import { readAhead } from "./read-ahead.js";

/** Numbers, each when the test gives it. */
class Maker {
  readonly #given: (() => void)[] = [];
  readonly #wants: (() => void)[] = [];
  /** Numbers that were asked for. */
  asked = 0;
  ended = false;
  reason: unknown;

  readonly make = async function* (this: Maker, signal: AbortSignal): AsyncGenerator<number> {
    signal.addEventListener("abort", () => {
      this.reason = signal.reason;
      for (const give of this.#given) give();
    });
    try {
      for (let n = 1; ; n += 1) {
        this.asked += 1;
        for (const want of this.#wants.splice(0)) want();
        await new Promise<void>((give) => this.#given.push(give));
        signal.throwIfAborted();
        yield n;
      }
    } finally {
      this.ended = true;
    }
  }.bind(this);

  /** Gives the next one and waits until the one behind it is asked for. */
  async give(): Promise<void> {
    const wanted = new Promise<void>((want) => this.#wants.push(want));
    this.giveLast();
    await wanted;
  }

  giveLast(): void {
    this.#given.shift()?.();
  }
}

const settled = async (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));
const never = new AbortController().signal;
const any = (): boolean => false;

describe("reading ahead", () => {
  it("gives all that has been made while the reader was busy", async () => {
    const maker = new Maker();
    const reading = readAhead(maker.make, any, never);
    const first = reading.next();
    await maker.give();
    expect(await first).toMatchObject({ value: [1] });
    await maker.give();
    await maker.give();
    expect(await reading.next()).toMatchObject({ value: [2, 3] });
    const last = reading.next();
    await maker.give();
    expect(await last).toMatchObject({ value: [4] });
    await reading.return(undefined);
  });

  it("makes no more when enough is ready, until that is taken", async () => {
    const maker = new Maker();
    const reading = readAhead(maker.make, (ready) => ready.length >= 2, never);
    const first = reading.next();
    await maker.give();
    await first;
    await maker.give();
    maker.giveLast();
    await settled();
    expect(maker.asked).toBe(3);
    expect(await reading.next()).toMatchObject({ value: [2, 3] });
    await settled();
    expect(maker.asked).toBe(4);
    await reading.return(undefined);
  });

  it("tells a failure when all that came before it has been given", async () => {
    const reading = readAhead(
      async function* () {
        yield 1;
        yield 2;
        await settled();
        throw new Error("broken");
      },
      any,
      never,
    );
    expect((await reading.next()).value).toContain(1);
    await settled();
    await settled();
    expect(await reading.next()).toMatchObject({ value: [2] });
    await expect(reading.next()).rejects.toThrow("broken");
  });

  it("ends when the maker does", async () => {
    const all: number[] = [];
    const make = async function* (): AsyncGenerator<number> {
      yield* [1, 2, 3];
    };
    for await (const ready of readAhead(make, (ready) => ready.length >= 1, never)) all.push(...ready);
    expect(all).toEqual([1, 2, 3]);
  });

  it("ends the maker, and waits for its end, when the reader leaves", async () => {
    const maker = new Maker();
    const loop = async (): Promise<void> => {
      for await (const ready of readAhead(maker.make, any, never)) throw new Error(`cannot write ${ready.join()}`);
    };
    const looping = loop();
    await maker.give();
    await expect(looping).rejects.toThrow("cannot write 1");
    expect(maker.ended).toBe(true);
  });

  it("wakes a maker that has made enough, so that it can end", async () => {
    const maker = new Maker();
    const reading = readAhead(maker.make, (ready) => ready.length >= 1, never);
    const first = reading.next();
    await maker.give();
    await first;
    maker.giveLast();
    await settled();
    await reading.return(undefined);
    expect(maker.ended).toBe(true);
  });

  it.each([true, false])("ends with the signal's reason (fired before: %s)", async (before) => {
    const stop = new AbortController();
    const maker = new Maker();
    if (before) stop.abort(new Error("stopped"));
    const reading = readAhead(maker.make, any, stop.signal);
    const first = reading.next();
    if (!before) stop.abort(new Error("stopped"));
    if (before) maker.giveLast();
    await expect(first).rejects.toThrow("stopped");
    expect(maker.ended).toBe(true);
  });
});
