import { createHash } from "node:crypto";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { History } from "./history.js";
import { Versions } from "./versions.js";

/** What an API can do wrong. */
export const troubles = [
  "500",
  "429 with Retry-After",
  "truncated body",
  "malformed body",
  "slow drip",
  "connection reset",
  "stale page",
  "200 with empty body",
  "no answer",
] as const;
export type Trouble = (typeof troubles)[number];

type Form = "changes" | "lines" | "linked" | "items";

interface Growth {
  readonly form: Form;
  /** New versions each time. */
  readonly count: number;
  readonly everyMs: number;
}

/** The sources, by name: two of changes by cursor pages, one of lines, one of pages by link, one that shows only what is now. */
const sources: Readonly<Record<string, Growth>> = {
  changes: { form: "changes", count: 3, everyMs: 100 },
  lines: { form: "lines", count: 4, everyMs: 150 },
  linked: { form: "linked", count: 2, everyMs: 200 },
  items: { form: "items", count: 2, everyMs: 250 },
};

/** How many things the source "items" shows. */
const ITEMS = 150;
const PAGE = 50;
/** Items of a page that were in the one before. */
const REPEATED = 3;
const MOST_LINES = 500;

interface Api extends Growth {
  readonly name: string;
  readonly versions: Versions;
  /** How many versions have come to be. */
  said: number;
  /** Of the form "items": the newest version of each thing. */
  readonly newest: Map<number, number>;
  readonly troubles: Trouble[];
}

/** Remote APIs that go on growing, write down all that they say and who asks, and can be made to misbehave. */
export class Upstreams implements AsyncDisposable {
  readonly names = Object.keys(sources);
  readonly #history: History;
  readonly #server: http.Server;
  readonly #apis: ReadonlyMap<string, Api>;
  readonly #timers: NodeJS.Timeout[] = [];

  private constructor(history: History, seed: number) {
    this.#history = history;
    this.#apis = new Map(
      Object.entries(sources).map(([name, growth], i) => {
        const versions = new Versions(seed + i);
        return [name, { ...growth, name, versions, said: 0, newest: new Map(), troubles: [] }];
      }),
    );
    for (const { name, form } of this.#apis.values())
      history.add({ kind: "source", source: name, complete: form !== "items" });
    this.#server = http.createServer((request, response) => {
      request.on("error", () => undefined);
      response.on("error", () => undefined);
      void this.#serve(request, response).catch(() => response.destroy());
    });
  }

  static async start(history: History, seed: number): Promise<Upstreams> {
    const upstreams = new Upstreams(history, seed);
    await new Promise<void>((resolve) => upstreams.#server.listen(0, "127.0.0.1", resolve));
    return upstreams;
  }

  /** The address of a source. */
  get base(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** The text that a version has to have. */
  text(source: string, n: number, id: number): string | undefined {
    return this.#apis.get(source)?.versions.text(n, id);
  }

  /** As apispool.yaml has them; each process names itself by a variable. */
  get sources(): Readonly<Record<string, object>> {
    const common = {
      // Not a header: that would make it another request, with a cursor of its own.
      auth: { type: "api_key", name: "x-process", key: "${FAULTS_PROCESS}" },
      interval: "100ms",
      timeout: "3s",
      retry: { max_attempts: 3, initial: "20ms", max: "200ms" },
      dedup: { window: 10_000 },
    };
    const cursor = { field: "n", type: "number" };
    const since = { since: "{{ cursor | default('0') }}" };
    return {
      changes: {
        ...common,
        url: `${this.base}/changes`,
        query: since,
        records: "items",
        cursor,
        pagination: { type: "cursor", from: { body: "next" }, into: { query: "page" } },
      },
      lines: { ...common, url: `${this.base}/lines`, query: since, format: "ndjson", cursor, id: "id" },
      linked: { ...common, url: `${this.base}/linked`, query: since, cursor, pagination: { type: "link_header" } },
      items: { ...common, url: `${this.base}/items`, interval: "150ms" },
    };
  }

  grow(): void {
    for (const api of this.#apis.values()) this.#timers.push(setInterval(() => this.#add(api), api.everyMs));
  }

  stopGrowing(): void {
    for (const timer of this.#timers.splice(0)) clearInterval(timer);
  }

  /** Makes a source misbehave until the function is called. */
  trouble(source: string, trouble: Trouble): () => void {
    const active = this.#apis.get(source)?.troubles;
    active?.push(trouble);
    return () => {
      const place = active?.indexOf(trouble) ?? -1;
      if (place >= 0) active?.splice(place, 1);
    };
  }

  #add(api: Api): void {
    const versions = Array.from({ length: api.count }, (): readonly [number, number] => {
      api.said += 1;
      const n = api.said;
      const id = this.#thing(api, n);
      api.newest.set(id, n);
      return [n, id];
    });
    this.#history.add({ kind: "said", source: api.name, versions });
  }

  #thing({ form, versions }: Api, n: number): number {
    return form === "items" ? versions.thing(n) % ITEMS : versions.thing(n);
  }

  async #serve(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    // Its own address is what it was asked under: there may be somebody between.
    const url = new URL(request.url ?? "/", `http://${request.headers.host ?? ""}`);
    const api = this.#apis.get(url.pathname.slice(1));
    if (api === undefined) {
      response.writeHead(404).end();
      return;
    }
    this.#history.add({ kind: "poll", source: api.name, by: String(request.headers["x-process"] ?? "somebody") });
    const [trouble] = api.troubles;
    switch (trouble) {
      case "500":
        response.writeHead(500).end("out of order");
        return;
      case "429 with Retry-After":
        response.writeHead(429, { "retry-after": "1" }).end();
        return;
      case "connection reset":
        request.socket.resetAndDestroy();
        return;
      case "200 with empty body":
        response.writeHead(200, { "content-type": "application/json" }).end();
        return;
      case "malformed body":
        response.writeHead(200, { "content-type": "application/json" }).end('<html>{"n":1,');
        return;
      case "no answer":
        return;
      default:
    }
    const answer = this.#answer(api, url, trouble === "stale page" ? Math.max(0, api.said - 200) : api.said);
    const body = Buffer.from(answer.body);
    if (api.form === "items") {
      const etag = `"${createHash("sha1").update(body).digest("hex")}"`;
      if (request.headers["if-none-match"] === etag) {
        response.writeHead(304, { etag }).end();
        return;
      }
      answer.headers["etag"] = etag;
    }
    if (trouble === "truncated body") {
      response.writeHead(200, { ...answer.headers, "content-length": body.length + 1 });
      response.write(body.subarray(0, Math.floor(body.length / 2)), () => response.destroy());
      return;
    }
    response.writeHead(200, answer.headers);
    if (trouble === "slow drip") {
      const part = Math.max(1, Math.ceil(body.length / 8));
      for (let at = 0; at < body.length && !response.destroyed; at += part) {
        response.write(body.subarray(at, at + part));
        await sleep(150);
      }
      response.end();
      return;
    }
    response.end(body);
  }

  #answer(api: Api, url: URL, said: number): { body: string; headers: Record<string, string> } {
    const json = { "content-type": "application/json" };
    const text = (n: number): string => api.versions.text(n, this.#thing(api, n));
    if (api.form === "items") {
      // What is stale here would be a thing that goes back to an earlier version, which is a change, too.
      const now = [...api.newest.values()].sort((a, b) => a - b);
      return { body: `[${now.map(text).join(",")}]`, headers: json };
    }
    const { searchParams } = url;
    const from = Number(searchParams.get("page") ?? searchParams.get("since") ?? 0);
    const size = api.form === "lines" ? MOST_LINES : PAGE;
    const to = Math.max(from, Math.min(from + size, said));
    const news = Array.from({ length: to - from }, (_, i) => from + 1 + i);
    if (api.form === "lines") {
      const body = news.map((n) => `${text(n)}\n`).join("");
      return { body, headers: { "content-type": "application/x-ndjson" } };
    }
    const more = to < said;
    if (api.form === "linked") {
      const link = `<${url.origin}/linked?page=${to}>; rel="next"`;
      return { body: `[${news.map(text).join(",")}]`, headers: { ...json, ...(more ? { link } : {}) } };
    }
    const all = [...this.#repeated(api, from), ...news].map(text);
    return { body: `{"items":[${all.join(", ")}]${more ? `,"next":"${to}"` : ""}}`, headers: json };
  }

  /** Some of the page before of which nothing newer is known: they are not to be written again. */
  #repeated(api: Api, from: number): number[] {
    const before = Array.from({ length: Math.min(PAGE, from) }, (_, i) => from - i);
    return before.filter((n) => api.newest.get(this.#thing(api, n)) === n).slice(0, REPEATED);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stopGrowing();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
