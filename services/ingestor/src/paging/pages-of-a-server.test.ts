import type { IncomingMessage } from "node:http";
import { Readable } from "node:stream";
import { describe, expect, it } from "@jest/globals";
import type { PaginationConfig } from "../config/source-config.js";
import { createExtractor } from "../extract/open-page.js";
import { FakeApi } from "../testing/fake-api.js";
import { path } from "../testing/expressions.js";
import { extractConfig, readAll } from "../testing/pages.js";
import { createPaginator } from "./create-paginator.js";
import type { PageToken } from "./paginator.js";

/** The ids of the records of all pages, read as the worker does. */
async function readPages(api: FakeApi, config: PaginationConfig): Promise<string[]> {
  const open = createExtractor(extractConfig());
  const paginator = createPaginator(config);
  const ids: string[] = [];
  let token: PageToken | undefined = null;
  while (token !== undefined) {
    const patch = paginator.patch(token);
    const url = new URL(patch.url ?? api.url);
    for (const [name, value] of Object.entries(patch.query ?? {})) url.searchParams.set(name, value);
    const answer = await fetch(url);
    if (answer.body === null) throw new Error("no body");
    const response = { status: answer.status, url: answer.url, headers: Object.fromEntries(answer.headers) };
    const page = await open({ ...response, body: Readable.fromWeb(answer.body) });
    const { records, batches } = await readAll(page);
    ids.push(...records.map(({ id }) => id));
    const items = batches.at(-1)?.itemsDone ?? 0;
    token = paginator.next({ token, response, document: page.document(), items, hash: page.hash() });
  }
  return ids;
}

const common = { maxPages: 100, stopWhen: undefined };
const query = (request: IncomingMessage): URLSearchParams => new URL(request.url ?? "", "http://x").searchParams;

describe("the pages of a server", () => {
  it("are read to the last along Link headers", async () => {
    await using api = await FakeApi.start();
    api.answer((request, response) => {
      const page = Number(query(request).get("page") ?? 1);
      const links = [`</data?page=9>; rel="last"`, ...(page < 3 ? [`<?page=${page + 1}>; rel="next"`] : [])];
      response.writeHead(200, { link: links }).end(JSON.stringify([{ id: `p${page}` }]));
    });
    expect(await readPages(api, { ...common, type: "link_header" })).toEqual(["p1", "p2", "p3"]);
    expect(await readPages(api, { ...common, type: "auto" })).toEqual(["p1", "p2", "p3"]);
  });

  it("are read along cursors that no double holds", async () => {
    await using api = await FakeApi.start();
    const cursors = ["1374004777531007833", "1374004777531007834", "1374004777531007835"];
    api.answer((request, response) => {
      const at = cursors.indexOf(query(request).get("cursor") ?? "") + 1;
      response.end(`{"items":[{"id":"${at}"}],"next_cursor":${cursors[at] ?? 0}}`);
    });
    expect(await readPages(api, { ...common, type: "auto" })).toEqual(["0", "1", "2", "3"]);
  });

  it("end with an error where the server does not know the parameter that asks for the next", async () => {
    await using api = await FakeApi.start();
    api.answerJson({ items: [{ id: 1 }, { id: 2 }], total: 10 });
    const config: PaginationConfig = {
      ...common,
      type: "offset",
      param: "skip",
      first: 0,
      limitParam: "limit",
      limit: 2,
      total: path("total"),
    };
    await expect(readPages(api, config)).rejects.toMatchObject({ name: "PollError", kind: "loop" });
    expect(api.requests).toHaveLength(2);
  });
});
