import { nextLink } from "./link-header.js";
import { urlToken } from "./next-url.js";
import { type Strategy, urlPatch } from "./strategy.js";

/** `Link: <…>; rel="next"` (RFC 8288), as GitHub and many others have it. */
export const linkHeader: Strategy = {
  patch: urlPatch,
  next(seen) {
    const target = nextLink(seen.response.headers["link"]);
    return target === undefined ? undefined : urlToken(target, seen);
  },
};
