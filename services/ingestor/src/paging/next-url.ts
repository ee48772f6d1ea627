import { PollError } from "../poll-error.js";
import type { PageSeen, PageToken } from "./paginator.js";

/** The token of an address that an answer gives, relative to the answer's own. Throws PollError where it is no web address. */
export function urlToken(found: string, { response }: PageSeen): PageToken {
  const url = URL.parse(found.trim(), response.url);
  if (url === null || (url.protocol !== "https:" && url.protocol !== "http:")) {
    throw new PollError(`the address of the next page, "${found.slice(0, 100)}", is not a web address`);
  }
  // A fragment is for browsers; with it the same page would look like another one.
  url.hash = "";
  return { url: url.href };
}
