import type { PaginationConfig } from "../config/source-config.js";
import { auto } from "./auto-strategy.js";
import { cursor } from "./cursor-strategy.js";
import { findIn } from "./found-text.js";
import { linkHeader } from "./link-header-strategy.js";
import { LoopGuard } from "./loop-guard.js";
import { nextUrl } from "./next-url-strategy.js";
import { offset } from "./offset-strategy.js";
import { pageNumber } from "./page-strategy.js";
import type { Paginator } from "./paginator.js";
import type { Strategy } from "./strategy.js";

const none: Strategy = { patch: () => ({}), next: () => undefined };

/** A paginator for one poll: the next poll needs a new one, or its own first page would look like a circle. */
export function createPaginator(config: PaginationConfig): Paginator {
  const strategy = strategyOf(config);
  const guard = new LoopGuard();
  return {
    patch: (token) => strategy.patch(token),
    next(seen) {
      const isLast = config.stopWhen !== undefined && findIn(seen.document, config.stopWhen) === true;
      const next = isLast ? undefined : strategy.next(seen);
      guard.check(seen, next);
      return next;
    },
  };
}

function strategyOf(config: PaginationConfig): Strategy {
  switch (config.type) {
    case "none":
      return none;
    case "auto":
      return auto;
    case "link_header":
      return linkHeader;
    case "next_url":
      return nextUrl(config.path);
    case "cursor":
      return cursor(config);
    case "page":
      return pageNumber(config);
    case "offset":
      return offset(config);
  }
}
