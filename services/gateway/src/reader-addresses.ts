import { lookup } from "node:dns/promises";
import type { EnvReader } from "@apispool/common/env.js";
import { describeError } from "@apispool/common/errors.js";
import type { Logger } from "@apispool/common/logger.js";

/** Where reader processes are: an address, or a name behind which there may be any number of them. */
export type ReaderPlace =
  | { readonly kind: "address"; readonly address: string }
  | { readonly kind: "dns"; readonly host: string; readonly port: number };

/** All IP addresses that a host name has; rejects where it has none, or nobody can be asked. */
export type Resolve = (host: string) => Promise<readonly string[]>;

const DNS = "dns:";

/** READER_ADDRESSES: `host:port` and `dns:host:port`, with commas between them; READER_ADDRESS where there is one only. */
export function readerPlacesFromEnv(env: EnvReader): readonly ReaderPlace[] {
  const single = env.addresses("READER_ADDRESS", ["127.0.0.1:50052"]);
  const list = env.string("READER_ADDRESSES");
  const items = list === undefined ? single.slice(0, 1) : list.split(",").map((item) => item.trim());
  const places = items.flatMap((item): ReaderPlace[] => {
    const place = placeOf(item);
    if (place !== undefined) return [place];
    env.problem(
      "READER_ADDRESSES",
      `"${item}" is neither an address (host:port) nor a name to look up (dns:host:port)`,
    );
    return [];
  });
  const twice = items.find((item, i) => items.indexOf(item) !== i);
  if (twice !== undefined) env.problem("READER_ADDRESSES", `"${twice}" is named twice`);
  return places;
}

/** Undefined for what is neither `host:port` nor `dns:host:port`. */
export function placeOf(text: string): ReaderPlace | undefined {
  const dns = text.startsWith(DNS);
  const address = dns ? text.slice(DNS.length) : text;
  const [, host = "", port = ""] = /^(\[[0-9a-fA-F:]+\]|[^\s:/,]+):(\d{1,5})$/.exec(address) ?? [];
  if (host === "" || Number(port) > 65_535 || (dns && host.startsWith("["))) return undefined;
  return dns ? { kind: "dns", host, port: Number(port) } : { kind: "address", address };
}

export interface ReaderAddressesOptions {
  readonly places: readonly ReaderPlace[];
  readonly log: Logger;
  /** Is told all addresses, as often as they change. */
  readonly onChange: (addresses: readonly string[]) => void;
  /** The system's own way unless given: `/etc/hosts` and what DNS has of either family. */
  readonly resolve?: Resolve | undefined;
  /** From one look-up to the next, in milliseconds. */
  readonly everyMs?: number | undefined;
}

/** A name in DNS has other addresses as soon as a process comes or goes, and nobody tells. */
const LOOK_UP_MS = 3000;
/** The least time from one look-up to the next, however often somebody is in doubt. */
const SOON_MS = 250;

/** The addresses of all reader processes, as they are now. */
export class ReaderAddresses {
  readonly #options: ReaderAddressesOptions;
  readonly #resolve: Resolve;
  readonly #everyMs: number;
  /** What each name had when it was last looked up with success. */
  readonly #known = new Map<string, readonly string[]>();
  readonly #failing = new Set<string>();
  readonly #looking: Promise<void>;
  #told = "";
  #stopped = false;
  #lookedAt = 0;
  #timer: NodeJS.Timeout | undefined;
  #wake: (() => void) | undefined;

  constructor(options: ReaderAddressesOptions) {
    this.#options = options;
    this.#resolve = options.resolve ?? systemResolve;
    this.#everyMs = options.everyMs ?? LOOK_UP_MS;
    this.#tell();
    this.#looking = options.places.some(({ kind }) => kind === "dns") ? this.#look() : Promise.resolve();
  }

  /** Somebody is not where it was: looks the names up soon. */
  doubt(): void {
    if (this.#wake === undefined) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(this.#wake, Math.max(0, SOON_MS - (performance.now() - this.#lookedAt)));
  }

  /** The name that an address was found by; undefined for one that was given as it is. */
  nameOf(address: string): string | undefined {
    const ip = address.slice(0, address.lastIndexOf(":")).replace(/^\[(.*)\]$/, "$1");
    return [...this.#known].find(([, ips]) => ips.includes(ip))?.[0];
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#wake?.();
    await this.#looking;
  }

  async #look(): Promise<void> {
    while (!this.#stopped) {
      await Promise.all(this.#options.places.map((place) => this.#lookUp(place)));
      if (this.#stopped) return;
      this.#tell();
      this.#lookedAt = performance.now();
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        this.#timer = setTimeout(resolve, this.#everyMs);
      });
      this.#wake = undefined;
    }
  }

  async #lookUp(place: ReaderPlace): Promise<void> {
    if (place.kind === "address") return;
    const { host } = place;
    try {
      this.#known.set(host, [...new Set(await this.#resolve(host))]);
      if (this.#failing.delete(host)) this.#options.log.info(`${host} can be looked up again`);
    } catch (error) {
      // Whoever was there may still be: a name server that is away must not stop the reading.
      if (this.#failing.has(host)) return;
      this.#failing.add(host);
      this.#options.log.warn({ err: describeError(error) }, `${host}, the reader's name, cannot be looked up`);
    }
  }

  #tell(): void {
    const all = this.#options.places.flatMap((place) =>
      place.kind === "address"
        ? [place.address]
        : (this.#known.get(place.host) ?? []).map((ip) => `${ip.includes(":") ? `[${ip}]` : ip}:${place.port}`),
    );
    const addresses = [...new Set(all)].toSorted();
    const text = addresses.join(",");
    if (text === this.#told) return;
    this.#told = text;
    this.#options.onChange(addresses);
  }
}

async function systemResolve(host: string): Promise<readonly string[]> {
  return (await lookup(host, { all: true })).map(({ address }) => address);
}
