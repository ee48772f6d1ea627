import { describe, expect, it } from "@jest/globals";
import { backoffMs } from "./backoff.js";
import { KeptStream, type StreamState } from "./keep-open.js";

describe("backoff", () => {
  it("doubles from half a second to ten, and leaves at least half of it to wait", () => {
    const most = [1, 2, 3, 4, 5, 6, 50].map((failures) => backoffMs(failures, () => 1));
    expect(most).toEqual([500, 1000, 2000, 4000, 8000, 10_000, 10_000]);
    expect(backoffMs(3, () => 0)).toBe(1000);
  });
});

/** A server whose streams end as the test wants. */
class Server {
  opened = 0;
  readonly signals: AbortSignal[] = [];
  readonly scripts: (readonly (string | Error)[] | "silent")[];
  #onOpen: () => void = () => {};

  constructor(...scripts: (readonly (string | Error)[] | "silent")[]) {
    this.scripts = scripts;
  }

  readonly open = async function* (this: Server, signal: AbortSignal): AsyncGenerator<string> {
    const script = this.scripts[this.opened] ?? "silent";
    this.opened += 1;
    this.signals.push(signal);
    this.#onOpen();
    if (script === "silent") {
      await new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(new Error("aborted"))));
      return;
    }
    for (const step of script) {
      if (step instanceof Error) throw step;
      yield step;
    }
  }.bind(this);

  async untilOpened(times: number): Promise<void> {
    while (this.opened < times) await new Promise<void>((resolve) => (this.#onOpen = resolve));
  }
}

function keep(server: Server) {
  const messages: string[] = [];
  const states: StreamState[] = [];
  const stream = KeptStream.of<string>({
    open: server.open,
    onMessage: (message) => messages.push(message),
    onState: (state) => states.push(state),
    random: () => 0,
    now: () => 1_000_000,
  });
  return { stream, messages, states };
}

describe("a kept stream", () => {
  it("opens again after an error and after an end, and forgets its failures at the first message", async () => {
    const server = new Server(["a", new Error("cut")], ["b"], [new Error("one")], [new Error("two")], ["c"], "silent");
    const { stream, messages, states } = keep(server);
    for (let times = 2; times <= 6; times += 1) {
      await new Promise((resolve) => setTimeout(resolve, 0));
      stream.retry();
      await server.untilOpened(times);
    }
    stream.close();
    await stream.done;
    expect(messages).toEqual(["a", "b", "c"]);
    const delays = states.flatMap((state) => (state.kind === "waiting" ? [state.retryAt - 1_000_000] : []));
    // Half of 500, 1000 …: after a message they begin anew.
    expect(delays).toEqual([250, 250, 500, 1000, 250]);
    expect(states.at(-1)).toEqual({ kind: "closed" });
    expect(states.find((state) => state.kind === "waiting")).toMatchObject({ error: new Error("cut") });
  });

  it("gives up a connection that may be dead, and opens another", async () => {
    const server = new Server("silent", ["new"], "silent");
    const { stream, messages } = keep(server);
    await server.untilOpened(1);
    stream.restart();
    await server.untilOpened(2);
    expect(server.signals[0]?.aborted).toBe(true);
    await new Promise((resolve) => setTimeout(resolve, 0));
    stream.close();
    await stream.done;
    expect(messages).toEqual(["new"]);
  });

  it("ends at once when it is closed, while it reads and while it waits", async () => {
    const reading = new Server("silent");
    const one = keep(reading);
    await reading.untilOpened(1);
    one.stream.close();
    await one.stream.done;
    const waiting = new Server([new Error("cut")]);
    const two = keep(waiting);
    await new Promise((resolve) => setTimeout(resolve, 0));
    two.stream.close();
    await two.stream.done;
    expect([reading.opened, waiting.opened]).toEqual([1, 1]);
  });
});
