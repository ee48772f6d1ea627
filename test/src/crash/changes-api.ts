import http from "node:http";
import type { AddressInfo } from "node:net";
import type { Version } from "./history.js";

/** How many of a page's items were in an earlier page already, as happens where an API counts pages by offset. */
const REPEATED = 3;

/**
 * An API of changes: `?since=` a number answers what came after it, page by page, each with the cursor of the next.
 * It goes by what it is asked alone, so whoever asks a second time gets the same answer.
 */
export class ChangesApi {
  readonly #server: http.Server;
  readonly #history: readonly Version[];
  readonly #pageSize: number;
  /** For each place in the history, the place of the same thing's next version. */
  readonly #revisedAt: readonly number[];
  /** How far it has been asked: the greatest number that it has told. */
  told = 0;
  /** How much of the history has come to be. */
  #visible: number;
  #growth: NodeJS.Timeout | undefined;
  #waiting: { readonly count: number; readonly wake: () => void }[] = [];

  private constructor(history: readonly Version[], pageSize: number) {
    this.#history = history;
    this.#pageSize = pageSize;
    this.#visible = history.length;
    this.#revisedAt = revisions(history);
    this.#server = http.createServer((request, response) => {
      const { searchParams } = new URL(request.url ?? "/", "http://localhost");
      const from = Number(searchParams.get("page") ?? searchParams.get("since") ?? 0);
      const to = Math.min(from + this.#pageSize, this.#visible);
      const items = [...this.#repeated(from), ...this.#history.slice(from, to)].map(({ text }) => text);
      const next = to < this.#visible ? `,"next":"${to}"` : "";
      response.writeHead(200, { "content-type": "application/json" }).end(`{"items":[${items.join(", ")}]${next}}`);
      this.#tell(to);
    });
  }

  static async start(history: readonly Version[], pageSize: number): Promise<ChangesApi> {
    const api = new ChangesApi(history, pageSize);
    await new Promise<void>((resolve) => api.#server.listen(0, "127.0.0.1", resolve));
    return api;
  }

  /** How it is described to the ingestor. */
  get source(): object {
    return {
      url: `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/changes`,
      query: { since: "{{ cursor | default('0') }}" },
      interval: "100ms",
      records: "items",
      cursor: { field: "seq", type: "number" },
      pagination: { type: "cursor", from: { body: "next" }, into: { query: "page" }, max_pages: 1_000_000 },
      retry: { max_attempts: 5, initial: "20ms", max: "200ms" },
      dedup: { window: 10_000 },
      autostart: true,
    };
  }

  /** From now on the history comes to be bit by bit; the function stops that, and tells how much there is. */
  grow(count: number, everyMs: number): () => Version[] {
    this.#visible = 0;
    this.#growth = setInterval(() => {
      this.#visible = Math.min(this.#history.length, this.#visible + count);
    }, everyMs);
    return () => {
      clearInterval(this.#growth);
      return this.#history.slice(0, this.#visible);
    };
  }

  /** Resolves when it has told so many versions. */
  async toldSoMany(count: number): Promise<void> {
    if (this.told >= count) return;
    await new Promise<void>((wake) => this.#waiting.push({ count, wake }));
  }

  #tell(to: number): void {
    this.told = Math.max(this.told, to);
    const ready = this.#waiting.filter(({ count }) => count <= this.told);
    this.#waiting = this.#waiting.filter(({ count }) => count > this.told);
    for (const { wake } of ready) wake();
  }

  /** Some of the page before that nothing newer is known of: unchanged records, which are not to be written again. */
  #repeated(from: number): Version[] {
    const pageBefore = Array.from({ length: Math.min(this.#pageSize, from) }, (_, i) => from - 1 - i);
    const unchanged = pageBefore.filter((place) => (this.#revisedAt[place] ?? Number.POSITIVE_INFINITY) >= from);
    const some = Array.from({ length: REPEATED }, (_, i) => unchanged[(from + 7 * i) % unchanged.length]);
    return some.flatMap((place) => this.#history[place ?? -1] ?? []);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#growth);
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

function revisions(history: readonly Version[]): number[] {
  const next = new Map<string, number>();
  const revisedAt: number[] = [];
  for (const [back, { id }] of history.toReversed().entries()) {
    const place = history.length - 1 - back;
    revisedAt[place] = next.get(id) ?? Number.POSITIVE_INFINITY;
    next.set(id, place);
  }
  return revisedAt;
}
