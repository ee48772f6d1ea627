import { DataReader } from "@apispool/contracts/apispool/v1/data_reader_pb.js";
import type { Logger } from "@apispool/common/logger.js";
import { PeerWatch } from "./peer-watch.js";
import { ReaderAddresses, type ReaderPlace, type Resolve } from "./reader-addresses.js";
import { inOrderOfPreference } from "./rendezvous.js";
import type { WatchedTls } from "@apispool/common/watched-tls.js";
import { type Connection, connectTo } from "./upstream.js";

/** One reader process. */
export interface Member {
  readonly address: string;
  readonly connection: Connection<typeof DataReader>;
  readonly watch: PeerWatch;
}

/** What a reader's name is bound to while it is in use. */
interface Binding {
  readonly member: Member;
  uses: number;
}

export interface ReadersOptions {
  readonly places: readonly ReaderPlace[];
  readonly log: Logger;
  readonly resolve?: Resolve | undefined;
  readonly lookUpEveryMs?: number | undefined;
  /** Undefined: in cleartext. */
  readonly tls?: WatchedTls | undefined;
}

/**
 * The reader processes, and which of them serves which reader's name: the first that serves in the name's own order of
 * preference. A name that is in use (an open stream, a lease, an acknowledgement) stays where it is until it no longer is:
 * only one process knows who holds it.
 */
export class Readers {
  readonly #log: Logger;
  readonly #tls: WatchedTls | undefined;
  readonly #members = new Map<string, Member>();
  /** No longer among the addresses, but there are names that they still serve. */
  readonly #leaving = new Set<Member>();
  readonly #bindings = new Map<string, Binding>();
  readonly #addresses: ReaderAddresses;
  readonly #stopping: Promise<void>[] = [];
  readonly #named: string;
  #onChange: (() => void) | undefined;

  constructor({ places, log, resolve, lookUpEveryMs, tls }: ReadersOptions) {
    this.#tls = tls;
    this.#log = log;
    this.#named = places
      .map((place) => (place.kind === "address" ? place.address : `${place.host}:${place.port}`))
      .join(", ");
    this.#addresses = new ReaderAddresses({
      places,
      log,
      resolve,
      everyMs: lookUpEveryMs,
      onChange: (addresses) => this.#setAddresses(addresses),
    });
  }

  /** As they were configured. */
  get address(): string {
    return this.#named;
  }

  /** How many processes there are. */
  get count(): { readonly ready: number; readonly known: number } {
    const members = [...this.#members.values()];
    return { ready: members.filter(({ watch }) => watch.state === "serving").length, known: members.length };
  }

  /** Empty where one process at least serves; otherwise a sentence for each. */
  get problems(): readonly string[] {
    const members = [...this.#members.values()];
    if (members.some(({ watch }) => watch.state === "serving")) return [];
    if (members.length === 0) return [`no reader is found at ${this.#named}`];
    return members.flatMap(({ watch: { problem } }) => problem ?? []);
  }

  /** Is told that a process has begun or ceased to serve. */
  onChange(listener: () => void): void {
    this.#onChange = listener;
  }

  /**
   * The processes that may answer for a name, best first: the one that it is bound to; those that serve; those that say that
   * they are not ready, whose word is then the answer. Those that are gone only where there is nobody else.
   */
  candidates(name: string): readonly Member[] {
    const members = [...this.#members.values()];
    const bound = this.#bindings.get(name)?.member;
    const ordered = inOrderOfPreference(name, members);
    const ofState = (...states: string[]): Member[] => ordered.filter(({ watch }) => states.includes(watch.state));
    const ready = [...ofState("serving", "unasked"), ...ofState("waiting")];
    const best = ready.length > 0 ? ready : ordered;
    if (bound === undefined || (bound.watch.state === "gone" && ready.length > 0)) return best;
    return [bound, ...best.filter((member) => member !== bound)];
  }

  isBoundToAnother(name: string, member: Member): boolean {
    const bound = this.#bindings.get(name)?.member;
    return bound !== undefined && bound !== member && bound.watch.state !== "gone";
  }

  /** Binds a name to a process until the function that it gives is called. */
  bind(name: string, member: Member): () => void {
    let binding = this.#bindings.get(name);
    if (binding?.member !== member) {
      binding = { member, uses: 0 };
      this.#bindings.set(name, binding);
    }
    const bound = binding;
    bound.uses += 1;
    let released = false;
    return () => {
      if (released) return;
      released = true;
      bound.uses -= 1;
      if (bound.uses > 0) return;
      if (this.#bindings.get(name) === bound) this.#bindings.delete(name);
      if (this.#leaving.has(member)) this.#dismiss(member);
    };
  }

  async stop(): Promise<void> {
    await this.#addresses.stop();
    const all = [...this.#members.values(), ...this.#leaving];
    await Promise.all([...this.#stopping, ...all.map(async ({ watch }) => watch.stop())]);
    for (const { connection } of all) connection.close();
  }

  /** While the addresses are being set up, none has been looked up. */
  #nameOf(address: string): string | undefined {
    return (this.#addresses as ReaderAddresses | undefined)?.nameOf(address);
  }

  #setAddresses(addresses: readonly string[]): void {
    for (const member of this.#members.values()) {
      if (addresses.includes(member.address)) continue;
      this.#members.delete(member.address);
      this.#leaving.add(member);
      this.#log.info(`the reader at ${member.address} is no longer among the addresses`);
      this.#dismiss(member);
    }
    for (const address of addresses) {
      if (this.#members.has(address)) continue;
      const back = [...this.#leaving].find((member) => member.address === address);
      if (back !== undefined) this.#leaving.delete(back);
      this.#members.set(address, back ?? this.#member(address));
    }
    this.#onChange?.();
  }

  #member(address: string): Member {
    const tls = this.#tls && { watched: this.#tls, serverName: this.#nameOf(address) };
    const connection = connectTo(DataReader, { name: "reader", address }, tls);
    const watch = new PeerWatch({
      connection: connection,
      isReplaceable: () =>
        [...this.#members.values()].some((other) => other.address !== address && other.watch.state === "serving"),
      onChange: ({ state, problem }, before) => {
        const which = this.#members.size === 1 ? "the reader" : `the reader at ${address}`;
        if (problem === undefined) this.#log.info(`${which} is ready`);
        else if (before === "serving" || before === "unasked") this.#log.warn(problem);
        if (state === "gone") this.#addresses.doubt();
        this.#onChange?.();
      },
    });
    return { address, connection, watch };
  }

  /** Lets go of a process that is no longer among the addresses, once no name is bound to it. */
  #dismiss(member: Member): void {
    if ([...this.#bindings.values()].some((binding) => binding.member === member)) return;
    this.#leaving.delete(member);
    this.#stopping.push(member.watch.stop().then(() => member.connection.close()));
  }
}
