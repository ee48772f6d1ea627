import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { freePort } from "@apispool/common/free-port.js";
import { eventually } from "../../support/wait.js";
import type { Stream, Toxic, Way, Ways } from "./way.js";

/** A toxiproxy of our own, told over its HTTP API what to do (its README has the API). */
export class Toxiproxy implements Ways {
  readonly carrier = "toxiproxy";
  readonly #child: ChildProcess;
  readonly #url: string;

  private constructor(child: ChildProcess, url: string) {
    this.#child = child;
    this.#url = url;
  }

  static async start(program: string): Promise<Toxiproxy> {
    const port = await freePort();
    // In a group of its own: Ctrl-C is for the run, which has yet to end what goes through here.
    const child = spawn(program, ["-host", "127.0.0.1", "-port", String(port)], { stdio: "ignore", detached: true });
    process.once("exit", () => child.kill("SIGKILL"));
    const started = new Toxiproxy(child, `http://127.0.0.1:${port}`);
    try {
      await eventually(async () => started.call("GET", "/version"), 10_000, 20);
    } catch (error) {
      await started[Symbol.asyncDispose]();
      throw error;
    }
    return started;
  }

  async open(name: string, target: string, port = 0): Promise<Way> {
    // It names its proxies in URLs.
    const id = encodeURIComponent(name.replaceAll(/[^\w.-]+/g, "_"));
    const listen = `127.0.0.1:${port}`;
    const answer = await this.call("POST", "/proxies", { name: id, listen, upstream: target, enabled: true });
    return new ToxicWay(this, name, `/proxies/${id}`, (answer as { listen: string }).listen);
  }

  /** One request to its API; throws unless the answer is a success. */
  async call(method: string, path: string, body?: object): Promise<unknown> {
    const response = await fetch(this.#url + path, {
      method,
      signal: AbortSignal.timeout(10_000),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`toxiproxy: ${method} ${path}: ${response.status} ${text}`);
    return text.startsWith("{") ? (JSON.parse(text) as unknown) : text;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null || this.#child.pid === undefined) return;
    const over = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await over;
  }
}

class ToxicWay implements Way {
  readonly name: string;
  readonly address: string;
  readonly #proxy: Toxiproxy;
  readonly #path: string;
  #cuts = 0;
  #toxics = 0;
  /** One thing after another: what is switched off is switched on by whoever did it. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(proxy: Toxiproxy, name: string, path: string, address: string) {
    this.#proxy = proxy;
    this.name = name;
    this.#path = path;
    this.address = address;
  }

  cut(): Promise<void> {
    return this.#inTurn(async () => {
      this.#cuts += 1;
      if (this.#cuts === 1) await this.#enable(false);
    });
  }

  mend(): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#cuts === 0) return;
      this.#cuts -= 1;
      if (this.#cuts === 0) await this.#enable(true);
    });
  }

  hangUp(): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#cuts > 0) return;
      await this.#enable(false);
      await this.#enable(true);
    });
  }

  add(toxic: Toxic, stream: Stream): Promise<() => Promise<void>> {
    return this.#inTurn(async () => {
      const path = await this.#put(toxic, stream);
      return () =>
        this.#inTurn(async () => {
          await this.#proxy.call("DELETE", path);
        });
    });
  }

  async #put(toxic: Toxic, stream: Stream): Promise<string> {
    this.#toxics += 1;
    const name = `${toxic.type}-${this.#toxics}`;
    await this.#proxy.call("POST", `${this.#path}/toxics`, {
      name,
      type: toxic.type,
      stream,
      toxicity: 1,
      attributes: attributesOf(toxic),
    });
    return `${this.#path}/toxics/${name}`;
  }

  async #enable(enabled: boolean): Promise<void> {
    await this.#proxy.call("POST", this.#path, { enabled });
  }

  #inTurn<T>(action: () => Promise<T>): Promise<T> {
    const result = this.#last.then(action);
    this.#last = result.catch(() => undefined);
    return result;
  }
}

/** As toxiproxy has them. */
function attributesOf(toxic: Toxic): Readonly<Record<string, number>> {
  switch (toxic.type) {
    case "latency":
      return { latency: toxic.latencyMs, jitter: toxic.jitterMs };
    case "bandwidth":
      return { rate: toxic.rate };
    case "timeout":
    case "reset_peer":
      return { timeout: toxic.timeoutMs };
    case "limit_data":
      return { bytes: toxic.bytes };
    case "slicer":
      return { average_size: toxic.averageSize, size_variation: toxic.sizeVariation, delay: toxic.delayUs };
    default:
      return toxic satisfies never;
  }
}
