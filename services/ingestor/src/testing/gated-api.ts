import type { IncomingMessage, ServerResponse } from "node:http";
import { eventually } from "./harness.js";
import { FakeApi } from "./fake-api.js";

/** One request as the API saw it. */
export interface Asked {
  readonly method: string;
  /** With the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

export interface Answer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
}

/** What an API is made of in a recipe's test. */
export interface Behaviour {
  readonly answer: (asked: Asked) => Answer;
  /** Whether a poll begins with this request; the one without a place in the list unless it says so. */
  readonly begins?: (asked: Asked) => boolean;
}

const PLACES = ["page", "starting_after", "offset", "$offset", "paged"];

/**
 * A real HTTP server that lets polls through one at a time: the request that begins a poll waits at the door until the test
 * opens it. A poll is over when the next one knocks. So what was asked for is known to the last request, without a clock.
 */
export class GatedApi {
  readonly #api: FakeApi;
  readonly #waiting = new Set<() => void>();
  #behaviour: Behaviour = { answer: () => ({ status: 404 }) };
  #asked: Asked[] = [];

  private constructor(api: FakeApi) {
    this.#api = api;
    api.answer((request, response) => void this.#receive(request, response));
  }

  static async start(): Promise<GatedApi> {
    return new GatedApi(await FakeApi.start());
  }

  /** Without a path. */
  get url(): string {
    return new URL(this.#api.url).origin;
  }

  serve(behaviour: Behaviour): void {
    this.#behaviour = behaviour;
    this.#asked = [];
  }

  /** What was asked for since the last call, in order. */
  taken(): Asked[] {
    return this.#asked.splice(0);
  }

  /** Lets so many polls through and waits until they are over. */
  async letThrough(polls = 1): Promise<void> {
    for (let i = 0; i < polls; i += 1) {
      const open = await this.#knock();
      open();
      await this.#knock();
    }
  }

  /** Lets the next poll through; it may be the last for a long time. */
  async open(): Promise<void> {
    const open = await this.#knock();
    open();
  }

  async #knock(): Promise<() => void> {
    let first: (() => void) | undefined;
    await eventually(async () => {
      [first] = this.#waiting;
      if (first === undefined) throw new Error(`no poll begins; asked for so far: ${this.#asked.length} requests`);
    });
    return first ?? (() => undefined);
  }

  async #receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { method = "", url = "/", headers } = request;
    const asked: Asked = {
      method,
      path: url,
      query: new URL(url, this.url).searchParams,
      headers,
      body: Buffer.concat(chunks).toString("utf8"),
    };
    const { begins = beginsWithoutPlace } = this.#behaviour;
    if (begins(asked)) {
      const opened = await new Promise<boolean>((resolve) => {
        const open = (): void => {
          this.#waiting.delete(open);
          resolve(true);
        };
        this.#waiting.add(open);
        response.once("close", () => {
          this.#waiting.delete(open);
          resolve(false);
        });
      });
      if (!opened) return;
    }
    this.#asked.push(asked);
    const { status = 200, headers: sent = {}, body } = this.#behaviour.answer(asked);
    response.writeHead(status, sent).end(body);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#api[Symbol.asyncDispose]();
  }
}

function beginsWithoutPlace({ query }: Asked): boolean {
  return !PLACES.some((name) => query.has(name));
}
