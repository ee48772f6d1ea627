import type net from "node:net";
import { clientOf } from "./client.js";
import { refuseConnection } from "./refusal.js";
import { Tally } from "./tally.js";

export interface ConnectionLimits {
  readonly maxConnections: number;
  readonly clientConnections: number;
}

interface Tracked {
  /** A socket forgets its address when it closes. */
  readonly key: string;
  readonly socket: net.Socket;
  readonly client: string;
  /** Since when it has no request. */
  since: number;
  /** Requests that are under way on it. */
  active: number;
}

/**
 * How long a connection is left in peace that has no first request, and no next one, in milliseconds: the first may be on its
 * way, and of a call that comes just when its connection is closed a gRPC client is told that it was cancelled.
 */
const patienceMs = { first: 1000, next: 5000 };

/**
 * A client that is held back has one new connection in this time, in milliseconds: the others would only cost what the limits on
 * each of them spare.
 */
const heldBackMs = 100;

/** Connections beyond the limits that are being told so; more are closed without a word. */
const mostRefusals = 100;

/**
 * Who is connected. A client has a share that it cannot pass. An eighth of all may be without a first request; where those, or
 * all, are taken, the one that has been without one for the longest makes room for the next: first among those that never
 * had one. So whoever opens connections only to have them displaces himself, and who is served is left in peace.
 */
export class Connections {
  readonly #limits: ConnectionLimits;
  readonly #byAddress = new Map<string, Tracked>();
  readonly #byClient = new Tally();
  /** Never had a request; the oldest first. */
  readonly #unheard = new Set<Tracked>();
  /** Had one, and have none now; the longest idle first. */
  readonly #idle = new Set<Tracked>();
  readonly #lastOfHeldBack = new Map<string, number>();
  #refusals = 0;
  /** Whether a client, because of what it did before, is to come more slowly. */
  holdBack: (client: string) => boolean = () => false;

  constructor(limits: ConnectionLimits) {
    this.#limits = limits;
  }

  /** Counts a connection; false where it is refused and dealt with. */
  enter(socket: net.Socket): boolean {
    const client = clientOf(socket.remoteAddress);
    const ofClient = this.#byClient.of(client);
    const { maxConnections, clientConnections } = this.#limits;
    if (this.holdBack(client) && this.#comesTooFast(client)) {
      socket.destroy();
      return false;
    }
    if (ofClient >= clientConnections) {
      const problem = `${client} has ${clientConnections} connections, which is the most for one client`;
      return this.#refuse(socket, { field: "connections", problem, setting: "MAX_CLIENT_CONNECTIONS", status: 429 });
    }
    if (this.#byAddress.size >= maxConnections && !this.#makeRoom()) {
      const problem = `all ${maxConnections} connections are in use`;
      return this.#refuse(socket, { field: "connections", problem, setting: "MAX_CONNECTIONS", status: 503 });
    }
    const now = performance.now();
    if (this.#unheard.size >= Math.max(1, maxConnections / 8)) this.#displace(this.#unheard, now - patienceMs.first);
    const tracked: Tracked = { key: keyOf(socket), socket, client, since: now, active: 0 };
    this.#byAddress.set(tracked.key, tracked);
    this.#byClient.add(client);
    this.#unheard.add(tracked);
    socket.once("close", () => this.#leave(tracked));
    return true;
  }

  /** A request has come on a connection; returns what is to be called at its end. */
  busy(socket: AddressedSocket): () => void {
    const tracked = this.#byAddress.get(keyOf(socket));
    if (tracked === undefined) return () => {};
    this.#unheard.delete(tracked);
    this.#idle.delete(tracked);
    tracked.active += 1;
    return () => {
      tracked.active -= 1;
      if (tracked.active > 0 || tracked.socket.destroyed) return;
      tracked.since = performance.now();
      this.#idle.add(tracked);
    };
  }

  #comesTooFast(client: string): boolean {
    const now = performance.now();
    if (now - (this.#lastOfHeldBack.get(client) ?? -Infinity) < heldBackMs) return true;
    this.#lastOfHeldBack.delete(client);
    this.#lastOfHeldBack.set(client, now);
    for (const [other, at] of this.#lastOfHeldBack) {
      if (now - at < heldBackMs) break;
      this.#lastOfHeldBack.delete(other);
    }
    return false;
  }

  #makeRoom(): boolean {
    const now = performance.now();
    return this.#displace(this.#unheard, now) || this.#displace(this.#idle, now - patienceMs.next);
  }

  /** Closes the oldest, if it has been without a request since before then. */
  #displace(those: ReadonlySet<Tracked>, before: number): boolean {
    const [victim] = those;
    if (victim === undefined || victim.since > before) return false;
    this.#leave(victim);
    victim.socket.destroy();
    return true;
  }

  #leave(tracked: Tracked): void {
    this.#unheard.delete(tracked);
    this.#idle.delete(tracked);
    if (this.#byAddress.get(tracked.key) !== tracked) return;
    this.#byAddress.delete(tracked.key);
    this.#byClient.remove(tracked.client);
  }

  #refuse(socket: net.Socket, passed: Parameters<typeof refuseConnection>[1]): false {
    if (this.#refusals >= mostRefusals) {
      socket.destroy();
      return false;
    }
    this.#refusals += 1;
    socket.once("close", () => (this.#refusals -= 1));
    refuseConnection(socket, passed);
    return false;
  }
}

/** What a socket says of its other end; one that TLS or HTTP/2 wraps says the same. */
export type AddressedSocket = Pick<net.Socket, "remoteAddress" | "remotePort">;

function keyOf({ remoteAddress, remotePort }: AddressedSocket): string {
  return `${remoteAddress ?? ""}|${remotePort ?? 0}`;
}
