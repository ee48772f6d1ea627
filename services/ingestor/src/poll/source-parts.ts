import type { OpenPage } from "../extract/page.js";
import type { HttpClient } from "../http/http-client.js";
import type { Paginator } from "../paging/paginator.js";

/** What knows the order of the cursor field's values. */
export interface HighWater {
  /** The later one of two values. */
  later(a: string | undefined, b: string | undefined): string | undefined;
  /** What the next request is made with: the mark less its overlap, the initial value where there is none. */
  forRequest(mark: string | undefined): string | undefined;
}

/** What a source is polled with. */
export interface SourceParts {
  readonly http: HttpClient;
  readonly openPage: OpenPage;
  /** A new one for each poll: it remembers the poll's pages, to notice a circle. */
  readonly newPaginator: () => Paginator;
  /** Undefined for a source without a cursor. */
  readonly highWater: HighWater | undefined;
}
