import type { PaginationConfig } from "../config/source-config.js";
import { countOf, findIn } from "./found-text.js";
import type { PageToken } from "./paginator.js";
import type { Strategy } from "./strategy.js";

type OffsetPaging = Extract<PaginationConfig, { type: "offset" }>;

/**
 * Pages by the number of items before them, which some APIs count from 1. The next one begins behind what really came, so that an API that gives fewer
 * than it was asked for loses nothing, as long as it tells the total; where it does not, a page that is not full is the last.
 */
export function offset({ param, first, limitParam, limit, total }: OffsetPaging): Strategy {
  const offsetOf = (token: PageToken): number => (token !== null && "offset" in token ? token.offset : first);
  return {
    patch: (token) => ({
      query: {
        [param]: String(offsetOf(token)),
        [limitParam]: String(limit),
      },
    }),
    next({ token, document, items }) {
      if (items === 0) return undefined;
      const after = offsetOf(token) + items;
      const all = total === undefined ? undefined : countOf(findIn(document, total));
      if (all !== undefined) return after - first >= all ? undefined : { offset: after };
      return items < limit ? undefined : { offset: after };
    },
  };
}
