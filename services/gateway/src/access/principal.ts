import { AsyncLocalStorage } from "node:async_hooks";
import type { Permissions } from "./permissions.js";

/** Who is calling. */
export interface Principal {
  /** What keys and tokens call it; not a secret. */
  readonly name: string;
  /** By what it was told. `none`: nobody was asked. */
  readonly how: "none" | "key" | "token" | "certificate";
  readonly permissions: Permissions;
  /** Whether what it showed still holds: not expired, not withdrawn, its permissions as they were. */
  readonly valid: () => boolean;
}

/** What the calls upstream of one request are made under. */
export interface Caller {
  /** Undefined for a request that needed none: it reaches no service. */
  readonly principal: Principal | undefined;
  /** The client's address. */
  readonly from: string;
  readonly requestId: string;
}

const callers = new AsyncLocalStorage<Caller>();

/** Runs the work on a request; whatever it calls upstream is judged by this caller's permissions. */
export function asCaller<T>(caller: Caller, work: () => T): T {
  return callers.run(caller, work);
}

/** Who the work that is under way is for; undefined outside of any request. */
export function currentCaller(): Caller | undefined {
  return callers.getStore();
}
