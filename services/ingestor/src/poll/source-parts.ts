import type { SourceConfig } from "../config/source-config.js";
import { createExtractor } from "../extract/open-page.js";
import type { OpenPage } from "../extract/page.js";
import { type HttpClientDeps, createHttpClient } from "../http/create-http-client.js";
import type { HttpClient } from "../http/http-client.js";
import { RetryBudget } from "../http/retry-budget.js";
import { createPaginator } from "../paging/create-paginator.js";
import { HighWater } from "../paging/high-water.js";
import type { Paginator } from "../paging/paginator.js";

/** What a source is polled with. */
export interface SourceParts {
  readonly http: HttpClient;
  /** How often requests may be repeated that failed. */
  readonly budget: RetryBudget;
  readonly openPage: OpenPage;
  /** A new one for each poll: it remembers the poll's pages, to notice a circle. */
  readonly newPaginator: () => Paginator;
  /** From a value that was reached before; undefined for a source without a cursor. */
  readonly newHighWater: ((value: string | undefined) => HighWater) | undefined;
}

/** A source's parts, as its configuration says. */
export function createParts(config: SourceConfig, deps: HttpClientDeps = {}): SourceParts {
  const { cursor, extract, pagination } = config;
  return {
    http: createHttpClient(config, deps),
    budget: new RetryBudget(),
    openPage: createExtractor(extract, cursor),
    newPaginator: () => createPaginator(pagination),
    newHighWater: cursor === undefined ? undefined : (value) => new HighWater(cursor, value),
  };
}
