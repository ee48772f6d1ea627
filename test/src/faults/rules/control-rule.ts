import type { Event } from "../history.js";
import { Register } from "./register.js";
import type { Report, Rule } from "./rule.js";

/** A request that was on its way when Stop answered is seen within so many milliseconds. */
const ON_ITS_WAY_MS = 250;
/** See {@link Register}. In milliseconds. */
const LATE_MS = 60_000;
const REMEMBERED = 10;
/**
 * A process that was frozen does not know at once that others have taken over: what it had begun to ask it asks. Nothing of it is
 * written. In milliseconds.
 */
const WAKING_MS = 2000;

interface Source {
  readonly register: Register;
  /** Starts under way. */
  readonly starting: Set<number>;
  /** Until when a Start may take effect. */
  startableUntil: number;
  /** Since when it has to be quiet; undefined: it need not. */
  quietSince: number | undefined;
  /** What was done last, for people. */
  readonly last: string[];
}

interface Op {
  readonly what: "start" | "stop" | "status";
  readonly source: Source;
  readonly name: string;
  readonly client: string;
  readonly t: number;
}

/** Start, Stop and GetStatus take effect at one moment each, and after Stop the API is left alone. */
export class ControlRule implements Rule {
  readonly #sources = new Map<string, Source>();
  readonly #ops = new Map<number, Op>();
  readonly #report: Report;
  readonly #frozen = new Map<number, string>();
  readonly #wokeAt = new Map<string, number>();
  /** Requests after Stop by a process that had just woken up. */
  waking = 0;
  /** Operations whose outcome is known. */
  operations = 0;

  constructor(report: Report) {
    this.#report = report;
  }

  see(event: Event): void {
    if (event.kind === "poll") this.#poll(event.t, event.source, event.by);
    else if (event.kind === "invoke") this.#invoke(event);
    else if (event.kind === "return") this.#return(event);
    else if (event.kind === "fault" && event.name.startsWith("SIGSTOP"))
      this.#frozen.set(event.fault, event.what.replace(/^.* of /, ""));
    else if (event.kind === "healed") this.#wokeAt.set(this.#frozen.get(event.fault) ?? "", event.t);
  }

  finish(): void {
    // Everything is said when it happens.
  }

  #invoke({ op, what, source: name, client, t }: Event & { kind: "invoke" }): void {
    const source = this.#source(name);
    this.#ops.set(op, { what, source, name, client, t });
    if (what === "status") {
      source.register.invokeRead(op);
      return;
    }
    source.register.invokeWrite(op, what === "start" ? "STARTED" : "STOPPED");
    if (what === "stop") return;
    source.starting.add(op);
    source.quietSince = undefined;
  }

  #return({ op, outcome, desired, t }: Event & { kind: "return" }): void {
    const found = this.#ops.get(op);
    this.#ops.delete(op);
    if (found === undefined) return;
    const { what, source, name, client } = found;
    const said = `${client}: ${what}${desired === undefined ? "" : ` ${desired}`} ${outcome} (${found.t} to ${t} ms)`;
    source.last.push(said);
    if (source.last.length > REMEMBERED) source.last.shift();
    if (what === "start") {
      source.starting.delete(op);
      source.startableUntil = Math.max(source.startableUntil, outcome === "ok" ? t : t + LATE_MS);
    }
    if (outcome === "unknown") {
      source.register.giveUp(op, t);
      return;
    }
    this.operations += 1;
    if (what === "stop" && source.starting.size === 0 && source.startableUntil < found.t) source.quietSince ??= t;
    const explained =
      what === "status"
        ? desired === undefined || source.register.returnRead(op, desired, t)
        : source.register.returnWrite(op, t);
    if (!explained)
      this.#report(
        t,
        "not linearizable",
        `${name}: ${said}; before it, in the order of their ends: ${source.last.slice(0, -1).join("; ")}`,
      );
  }

  #poll(t: number, name: string, by: string): void {
    const { quietSince, last } = this.#source(name);
    if (quietSince === undefined || t <= quietSince + ON_ITS_WAY_MS) return;
    if (t <= (this.#wokeAt.get(by) ?? Number.NEGATIVE_INFINITY) + WAKING_MS) {
      this.waking += 1;
      return;
    }
    const text = `${name}: a request came from ${by} ${Math.round(t - quietSince)} ms after Stop had answered: ${last.join("; ")}`;
    this.#report(t, "polled after Stop", text);
  }

  #source(name: string): Source {
    let source = this.#sources.get(name);
    if (source === undefined) {
      const register = new Register();
      source = { register, starting: new Set(), startableUntil: -1, quietSince: undefined, last: [] };
      this.#sources.set(name, source);
    }
    return source;
  }
}
