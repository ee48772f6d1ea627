import { type LookupAddress, lookup as ordinaryLookup } from "node:dns";
import { type LookupFunction, isIP } from "node:net";
import { PollError } from "../poll-error.js";
import { bareHost, isAllowedHost } from "./allowed-hosts.js";
import { isPrivateAddress } from "./private-addresses.js";

/** How long it is remembered that the configured host is in a private network, in milliseconds. */
const REMEMBERED_MS = 30_000;

export interface GuardOptions {
  /** The host that the operator wrote; undefined while it is not known. */
  readonly configuredHost: () => string | undefined;
  readonly allowHosts: readonly string[];
  readonly lookup?: LookupFunction | undefined;
  readonly isPrivate?: ((address: string) => boolean) | undefined;
  readonly now: () => number;
}

/**
 * Keeps an API's answers from sending us where they have no business (SSRF). What the operator wrote may be any host. An
 * address out of an answer has to be at a host that is configured or allowed, and must not lead into a private network
 * unless the configured host is in one itself. Names are resolved once, by the connection itself, and the addresses that
 * passed are the only ones it gets: a name that changes its mind between check and use (DNS rebinding) gains nothing.
 */
export class AddressGuard {
  readonly #options: GuardOptions;
  readonly #lookup: LookupFunction;
  readonly #isPrivate: (address: string) => boolean;
  /** Once seen on the internet, a host does not become a private one any more: that would be rebinding, too. */
  #configuredIsPublic = false;
  #seenPrivate: { readonly host: string; readonly at: number } | undefined;

  constructor(options: GuardOptions) {
    this.#options = options;
    this.#lookup = options.lookup ?? ordinaryLookup;
    this.#isPrivate = options.isPrivate ?? isPrivateAddress;
  }

  /** Whether answers may speak of this host at all. Throws PollError. */
  checkHost(url: URL): void {
    const configured = this.#options.configuredHost();
    const host = bareHost(url.hostname);
    if (host === configured || isAllowedHost(host, this.#options.allowHosts)) return;
    throw blocked(
      `the answer names another server, ${host}, which the configuration does not allow; if it is meant, add it to allow_hosts`,
    );
  }

  /**
   * Whether a connection to an address out of an answer has to be kept out of private networks; then it has to be made
   * with {@link guardedLookup}. Throws PollError where it is clear already that it must not be made.
   *
   * Behind a proxy names are resolved by the proxy: there is nothing to pin, the check of hosts is all there is, and
   * what the proxy can reach is up to who runs it. Only bare addresses can still be told.
   */
  async restricts(url: URL, byProxy: boolean): Promise<boolean> {
    const configured = this.#options.configuredHost();
    const open = byProxy ? isLocalLiteral(configured, this.#isPrivate) : await this.#configuredIsPrivate(configured);
    if (open) return false;
    const host = bareHost(url.hostname);
    if (isIP(host) !== 0 && this.#isPrivate(host)) throw this.#private(host);
    return true;
  }

  /** For what the operator asked for: lets everything pass, and learns where the configured host is. */
  readonly learningLookup: LookupFunction = (hostname, options, callback) => {
    this.#resolve(
      hostname,
      (error, addresses) => {
        if (error === null && hostname === this.#options.configuredHost()) this.#learn(hostname, addresses);
        reply(error, addresses, options, callback);
      },
      options,
    );
  };

  /** Gives addresses on the internet only, and fails where there is none. */
  readonly guardedLookup: LookupFunction = (hostname, options, callback) => {
    this.#resolve(
      hostname,
      (error, addresses) => {
        if (error !== null) {
          reply(error, [], options, callback);
          return;
        }
        const outside = addresses.filter(({ address }) => !this.#isPrivate(address));
        reply(outside.length === 0 ? this.#private(hostname) : null, outside, options, callback);
      },
      options,
    );
  };

  async #configuredIsPrivate(host: string | undefined): Promise<boolean> {
    // Not known: the strict way.
    if (host === undefined || this.#configuredIsPublic) return false;
    if (isIP(host) !== 0) return this.#isPrivate(host);
    const seen = this.#seenPrivate;
    if (seen?.host === host && this.#options.now() - seen.at < REMEMBERED_MS) return true;
    await new Promise<void>((resolve, reject) => {
      this.#resolve(host, (error, addresses) => {
        if (error !== null) {
          reject(error);
          return;
        }
        this.#learn(host, addresses);
        resolve();
      });
    });
    return !this.#configuredIsPublic;
  }

  #learn(host: string, addresses: readonly LookupAddress[]): void {
    if (addresses.some(({ address }) => !this.#isPrivate(address))) this.#configuredIsPublic = true;
    else this.#seenPrivate = { host, at: this.#options.now() };
  }

  #resolve(
    hostname: string,
    callback: (error: NodeJS.ErrnoException | null, addresses: readonly LookupAddress[]) => void,
    options: Parameters<LookupFunction>[1] = {},
  ): void {
    this.#lookup(hostname, { ...options, all: true }, (error, found, family) => {
      if (error !== null) callback(error, []);
      else callback(null, typeof found === "string" ? [{ address: found, family: family ?? isIP(found) }] : found);
    });
  }

  #private(host: string): PollError {
    return blocked(`the answer leads to ${host}, which is in a private network, while the configured server is not`);
  }
}

function reply(
  error: NodeJS.ErrnoException | null,
  addresses: readonly LookupAddress[],
  options: Parameters<LookupFunction>[1],
  callback: Parameters<LookupFunction>[2],
): void {
  const first = addresses[0];
  if (error === null && first === undefined) {
    callback(Object.assign(new Error("no address"), { code: "ENODATA" }), "");
  } else if (error !== null || first === undefined) {
    callback(error, "");
  } else if (options.all === true) {
    callback(null, [...addresses]);
  } else {
    callback(null, first.address, first.family);
  }
}

function isLocalLiteral(host: string | undefined, isPrivate: (address: string) => boolean): boolean {
  return host !== undefined && (host === "localhost" || (isIP(host) !== 0 && isPrivate(host)));
}

function blocked(text: string): PollError {
  return new PollError(text, { kind: "blocked" });
}
