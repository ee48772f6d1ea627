import type { Expression } from "../config/source-config.js";
import { PollError } from "../poll-error.js";
import { findIn } from "./found-text.js";
import { urlToken } from "./next-url.js";
import { type Strategy, urlPatch } from "./strategy.js";

/** The next page's address, whole or relative, somewhere in the document. */
export function nextUrl(path: Expression): Strategy {
  return {
    patch: urlPatch,
    next(seen) {
      const found = findIn(seen.document, path);
      if (found === null || found === "" || found === false) return undefined;
      if (typeof found !== "string") {
        throw new PollError(`"${path.text}" should be the next page's address, and is a ${typeof found}`);
      }
      return urlToken(found, seen);
    },
  };
}
