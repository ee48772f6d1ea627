import type { Template } from "../config/source-config.js";
import { basic } from "./authenticator.js";
import { bareHost } from "./allowed-hosts.js";

/**
 * The server that the operator wrote: the only one that gets credentials, and the one that answers may always name.
 * Known from the template where no placeholder is before the path, else from the operator's latest own request.
 */
export class ConfiguredOrigin {
  #url: URL | undefined;

  constructor(template: Template) {
    const start = /^https?:\/\/[^/?#{}\s]+(?=[/?#]|$)/i.exec(template.text)?.[0];
    if (start !== undefined && URL.canParse(start)) this.#url = new URL(start);
  }

  /** A request was made to an address that came from the configuration alone. */
  asked(url: URL): void {
    this.#url = url;
  }

  /** Scheme, host and port. */
  get origin(): string | undefined {
    return this.#url?.origin;
  }

  get host(): string | undefined {
    return this.#url === undefined ? undefined : bareHost(this.#url.hostname);
  }

  /** What user and password in the address come to, as a header; undefined where there are none. */
  get authorization(): string | undefined {
    if (this.#url === undefined || (this.#url.username === "" && this.#url.password === "")) return undefined;
    return basic(decoded(this.#url.username), decoded(this.#url.password));
  }
}

/** As it stands where it was not percent-encoded in the first place. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
