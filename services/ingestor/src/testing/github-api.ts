import { createHash } from "node:crypto";
import type { Answer, Asked, Behaviour } from "./gated-api.js";

/** A list of GitHub's REST API: ETag, Link header, limits, and the newest first. */
export class GithubList<T extends object> implements Behaviour {
  /** The newest first. */
  items: T[] = [];
  perPage: number;
  maxAge = 0;
  /** Answered to the next requests in place of the list, one each. */
  readonly refusals: Answer[] = [];
  readonly #url: () => string;
  readonly #select: (items: readonly T[], asked: Asked) => readonly T[];

  constructor(
    url: () => string,
    perPage: number,
    select: (items: readonly T[], asked: Asked) => readonly T[] = (items) => items,
  ) {
    this.#url = url;
    this.perPage = perPage;
    this.#select = select;
  }

  readonly answer = (asked: Asked): Answer => {
    const refusal = this.refusals.shift();
    if (refusal !== undefined) return refusal;
    if (asked.headers.authorization !== "Bearer github-secret")
      return { status: 401, body: '{"message":"Bad credentials"}' };
    const page = Number(asked.query.get("page") ?? 1);
    const all = this.#select(this.items, asked);
    const body = JSON.stringify(all.slice((page - 1) * this.perPage, page * this.perPage));
    const pages = Math.max(1, Math.ceil(all.length / this.perPage));
    const etag = `W/"${createHash("sha256").update(`${pages} ${body}`).digest("hex")}"`;
    const headers = {
      "content-type": "application/json; charset=utf-8",
      "cache-control": `private, max-age=${this.maxAge}, s-maxage=${this.maxAge}`,
      "x-poll-interval": String(this.maxAge),
      "x-ratelimit-limit": "5000",
      "x-ratelimit-remaining": "4999",
      "x-ratelimit-reset": String(Math.floor(Date.now() / 1000) + 3600),
      etag,
    };
    if (asked.headers["if-none-match"] === etag) return { status: 304, headers };
    return { headers: { ...headers, ...this.#links(asked, page, pages) }, body };
  };

  #links({ path }: Asked, page: number, pages: number): Readonly<Record<string, string>> {
    if (pages === 1) return {};
    const to = (number: number, rel: string): string => {
      const url = new URL(path, this.#url());
      url.searchParams.set("page", String(number));
      return `<${url.href}>; rel="${rel}"`;
    };
    const links = [
      ...(page > 1 ? [to(page - 1, "prev")] : []),
      ...(page < pages ? [to(page + 1, "next"), to(pages, "last")] : []),
      ...(page > 1 ? [to(1, "first")] : []),
    ];
    return { link: links.join(", ") };
  }
}
