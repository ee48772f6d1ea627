import { Readable } from "node:stream";
import type { Expression, SourceConfig, Template } from "./config/source-config.js";
import type { OpenPage } from "./extract/page.js";
import { poll } from "./http-poll.js";
import { extractRecords, contentHash } from "./json-records.js";
import { valueAt } from "./extract/json-path.js";
import type { Paginator } from "./paging/paginator.js";
import type { SourceParts } from "./poll/source-parts.js";

export function constant(text: string): Template {
  return { text, constant: true, render: () => text };
}

export function pathExpression(text: string): Expression {
  const path = text.split(".");
  return { text, path, evaluate: (document) => valueAt(document, path) ?? null };
}

/** Until http/, extract/ and paging/ are here. */
export function legacyParts(config: SourceConfig): SourceParts {
  const old = {
    url: config.request.url.text,
    timeoutMs: config.network.timeoutMs,
    maxBytes: config.network.maxBytes,
    headers: Object.fromEntries(config.request.headers.map(([name, value]) => [name, value.text])),
  };
  const paths = {
    ...(config.extract.records?.path === undefined ? {} : { recordsPath: config.extract.records.path }),
    ...(config.extract.id?.[0]?.path === undefined ? {} : { idPath: config.extract.id[0].path }),
    ...(config.extract.eventTime?.path === undefined ? {} : { eventTimePath: config.extract.eventTime.path }),
  };
  const openPage: OpenPage = async (response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of response.body) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    const { records, deadLetters } = extractRecords(body, paths);
    const itemsDone = records.length + deadLetters.length;
    const batch = {
      records: records.map((r) => ({ ...r, key: r.id, eventTime: r.eventTime, cursor: undefined })),
      deadLetters: deadLetters.map((d) => ({ raw: d.json, hash: d.hash, reason: d.reason, place: "" })),
      filtered: 0,
      itemsDone,
      rolling: "",
    };
    return {
      batches: (async function* () {
        yield batch;
      })(),
      document: () => JSON.parse(body.toString("utf8").replace(/^\ufeff/, "")) as unknown,
      hash: () => contentHash(body),
    };
  };
  const paginator: Paginator = {
    patch: (token) => (token !== null && "url" in token ? { url: token.url } : {}),
    next: ({ document }) => {
      const next = (document as { next?: string }).next;
      return next === undefined ? undefined : { url: next };
    },
  };
  return {
    openPage,
    newPaginator: () => paginator,
    highWater: undefined,
    http: {
      budget: undefined,
      close: () => undefined,
      async send(request, signal) {
        const answer = await poll(
          { ...old, url: request.url, headers: request.headers },
          {},
          signal,
        );
        if (answer.kind === "not-modified")
          return { status: 304, url: request.url, headers: {}, body: Readable.from([]) };
        const { etag, lastModified } = answer.validators;
        return {
          status: answer.status,
          url: request.url,
          headers: {
            ...(etag === undefined ? {} : { etag }),
            ...(lastModified === undefined ? {} : { "last-modified": lastModified }),
          },
          body: Readable.from([answer.body]),
        };
      },
    },
  };
}
