import { once } from "node:events";
import net from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { Toxiproxy } from "./toxiproxy.js";
import { findToxiproxy } from "./toxiproxy-program.js";
import { OwnWays } from "./own-ways.js";
import type { Way, Ways } from "./way.js";

/** What comes of one connection. */
class Talk {
  readonly socket: net.Socket;
  heard = "";
  /** "end", or an error's code; undefined while it is open. */
  over: string | undefined;

  private constructor(socket: net.Socket) {
    this.socket = socket;
    socket.setEncoding("latin1");
    socket.on("data", (text) => (this.heard += text.toString()));
    socket.on("end", () => (this.over ??= "end"));
    socket.on("error", (error: NodeJS.ErrnoException) => (this.over ??= error.code));
  }

  static async begin(way: Way): Promise<Talk> {
    const socket = net.connect(Number(way.address.split(":")[1]), "127.0.0.1");
    await once(socket, "connect");
    return new Talk(socket);
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
  }

  async hears(text: string): Promise<void> {
    await this.until(() => this.heard.includes(text));
  }

  async closes(): Promise<string> {
    await this.until(() => this.over !== undefined);
    return this.over ?? "";
  }
}

const toxiproxy = await findToxiproxy({ install: false });
if ("problem" in toxiproxy) console.log(`ways.test: toxiproxy is left out: ${toxiproxy.problem}`);
const carriers: readonly (readonly [string, () => Promise<Ways>])[] = [
  ["the suite's own proxy", async () => new OwnWays("this is a test of it")],
  ...("program" in toxiproxy ? [["toxiproxy", () => Toxiproxy.start(toxiproxy.program)] as const] : []),
];

describe.each(carriers)("a way through %s", (_carrier, start) => {
  let ways: Ways;
  let server: net.Server;
  let way: Way;
  /** What has arrived at the server, which sends it back. */
  let arrived = "";

  beforeAll(async () => {
    ways = await start();
    server = net.createServer((socket) => {
      socket.on("data", (bytes) => {
        arrived += bytes.toString("latin1");
        socket.write(bytes);
      });
      socket.on("error", () => undefined);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    way = await ways.open("client → echo", `127.0.0.1:${(server.address() as net.AddressInfo).port}`);
  });

  afterAll(async () => {
    await ways[Symbol.asyncDispose]();
    await new Promise((resolve) => server.close(resolve));
  });

  it("is cut: what is open ends, what is new is refused, until it is mended as often as it was cut", async () => {
    const before = await Talk.begin(way);
    before.socket.write("a");
    await before.hears("a");
    await way.cut();
    await way.cut();
    await before.closes();
    await expect(Talk.begin(way)).rejects.toMatchObject({ code: "ECONNREFUSED" });
    await way.mend();
    await expect(Talk.begin(way)).rejects.toMatchObject({ code: "ECONNREFUSED" });
    await way.mend();
    const after = await Talk.begin(way);
    after.socket.write("b");
    await after.hears("b");
    after.socket.destroy();
  });

  it("is half open towards the client: what it says arrives, it hears nothing, and nothing closes", async () => {
    const talk = await Talk.begin(way);
    const remove = await way.add({ type: "timeout", timeoutMs: 0 }, "downstream");
    talk.socket.write("half");
    await talk.until(() => arrived.endsWith("half"));
    // Somebody else's words go there and back meanwhile, or would.
    talk.socket.write("open");
    await talk.until(() => arrived.endsWith("halfopen"));
    expect([talk.heard, talk.over]).toEqual(["", undefined]);
    await remove();
    // The bytes that were lost do not go missing from the middle of what comes.
    await talk.closes();
    expect(talk.heard).toBe("");
  });

  it("ends after so many bytes, and resets", async () => {
    const unlimited = await way.add({ type: "limit_data", bytes: 3 }, "downstream");
    const limited = await Talk.begin(way);
    limited.socket.write("12345");
    await limited.closes();
    expect(limited.heard).toBe("123");
    await unlimited();
    const calm = await way.add({ type: "reset_peer", timeoutMs: 0 }, "downstream");
    const broken = await Talk.begin(way);
    broken.socket.write("x");
    expect(await broken.closes()).toBe("ECONNRESET");
    await calm();
  });

  it("is slow in small pieces, and loses none", async () => {
    const removals = [
      await way.add({ type: "latency", latencyMs: 5, jitterMs: 5 }, "upstream"),
      await way.add({ type: "slicer", averageSize: 50, sizeVariation: 40, delayUs: 100 }, "upstream"),
      await way.add({ type: "bandwidth", rate: 100 }, "downstream"),
    ];
    const text = Array.from({ length: 300 }, (_, i) => `${i}|`).join("");
    const talk = await Talk.begin(way);
    talk.socket.write(text);
    await talk.hears("299|");
    expect(talk.heard).toBe(text);
    for (const remove of removals) await remove();
    talk.socket.write("and on");
    await talk.hears("and on");
    talk.socket.destroy();
  });
});
