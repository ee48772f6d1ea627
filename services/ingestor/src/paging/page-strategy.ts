import type { PaginationConfig } from "../config/source-config.js";
import { countOf, findIn } from "./found-text.js";
import type { Strategy } from "./strategy.js";

type PagePaging = Extract<PaginationConfig, { type: "page" }>;

/**
 * Pages by number, up to the number of pages that the API tells; where it tells none, up to the first page that is not
 * full. An empty page is the end in any case.
 */
export function pageNumber({ param, first, sizeParam, size, totalPages }: PagePaging): Strategy {
  return {
    patch: (token) => ({
      query: {
        [param]: String(token !== null && "page" in token ? token.page : first),
        ...(sizeParam === undefined || size === undefined ? {} : { [sizeParam]: String(size) }),
      },
    }),
    next({ token, document, items }) {
      if (items === 0) return undefined;
      const page = token !== null && "page" in token ? token.page : first;
      const total = totalPages === undefined ? undefined : countOf(findIn(document, totalPages));
      // Counted from `first`: an API whose pages begin at 0 has its last one at total - 1.
      if (total !== undefined) return page - first + 1 >= total ? undefined : { page: page + 1 };
      return size !== undefined && items < size ? undefined : { page: page + 1 };
    },
  };
}
