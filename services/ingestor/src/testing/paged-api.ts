import type { IncomingMessage, ServerResponse } from "node:http";

/** Pages of numbered items, `?page=2` and so on, with a Link header to the next one. */
export class PagedApi {
  readonly pages: unknown[][];
  /** Called before each answer, with the page's number; a refusal is answered instead. */
  before: (page: number) => number | undefined = () => undefined;
  /** The pages that were asked for, in order. */
  readonly asked: number[] = [];

  constructor(pages: number, perPage: number) {
    this.pages = Array.from({ length: pages }, (_, page) =>
      Array.from({ length: perPage }, (__, i) => ({ id: page * perPage + i })),
    );
  }

  readonly answer = (request: IncomingMessage, response: ServerResponse): void => {
    const url = new URL(request.url ?? "/", `http://${request.headers.host}`);
    const page = Number(url.searchParams.get("page") ?? 1);
    this.asked.push(page);
    const refused = this.before(page);
    if (refused !== undefined) {
      response.writeHead(refused).end();
      return;
    }
    url.searchParams.set("page", String(page + 1));
    const link = page < this.pages.length ? { link: `<${url.href}>; rel="next"` } : {};
    response.writeHead(200, { "content-type": "application/json", ...link }).end(JSON.stringify(this.pages[page - 1]));
  };
}
