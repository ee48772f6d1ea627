export type Value = "STARTED" | "STOPPED";

/** How long after its answer an operation of unknown outcome may still take effect. In milliseconds. */
const LATE_MS = 60_000;

interface Config {
  readonly value: Value;
  /** Writes under way that have taken effect. */
  readonly done: ReadonlySet<number>;
  /** What each read under way may have seen. */
  readonly seen: ReadonlyMap<number, ReadonlySet<Value>>;
}

/**
 * A register of two values, and whether what its clients were told can be explained by each operation taking effect at one
 * moment between its call and its answer: linearizability, by following every order that is possible (Wing and Gong 1993;
 * Lowe 2017 for "just in time"). A write of unknown outcome may take effect later, or never, or, to keep the search small, more
 * than once: that overlooks something now and then, and accuses nobody falsely.
 */
export class Register {
  #configs: readonly Config[];
  readonly #writes = new Map<number, Value>();
  readonly #wildUntil: Record<Value, number> = { STARTED: -1, STOPPED: -1 };

  constructor() {
    this.#configs = (["STARTED", "STOPPED"] as const).map((value) => ({ value, done: new Set(), seen: new Map() }));
  }

  invokeWrite(op: number, value: Value): void {
    this.#writes.set(op, value);
  }

  invokeRead(op: number): void {
    this.#configs = this.#configs.map((config) => ({
      ...config,
      seen: new Map([...config.seen, [op, new Set([config.value])]]),
    }));
  }

  /** False: there is no explanation. */
  returnWrite(op: number, t: number): boolean {
    const value = this.#writes.get(op);
    const able = this.#closure(t).filter(({ done }) => done.has(op));
    this.#writes.delete(op);
    this.#configs = able.length > 0 ? this.#without(able, op) : [this.#fresh(value ?? "STOPPED")];
    return able.length > 0;
  }

  /** False: there is no explanation. */
  returnRead(op: number, value: Value, t: number): boolean {
    const able = this.#closure(t).filter(({ seen }) => seen.get(op)?.has(value) ?? true);
    this.#configs = able.length > 0 ? this.#without(able, op) : [this.#fresh(value)];
    return able.length > 0;
  }

  /** Nobody knows whether it was done, or will be. */
  giveUp(op: number, t: number): void {
    const value = this.#writes.get(op);
    this.#configs = this.#closure(t);
    this.#writes.delete(op);
    this.#configs = this.#without(this.#configs, op);
    if (value !== undefined) this.#wildUntil[value] = Math.max(this.#wildUntil[value], t + LATE_MS);
  }

  /** Everything that may have taken effect by now. */
  #closure(t: number): readonly Config[] {
    const found = new Map<string, Config>();
    const open = [...this.#configs];
    for (let config = open.pop(); config !== undefined; config = open.pop()) {
      const key = keyOf(config);
      if (found.has(key)) continue;
      found.set(key, config);
      for (const [op, value] of this.#writes) if (!config.done.has(op)) open.push(after(config, value, op));
      for (const value of ["STARTED", "STOPPED"] as const)
        if (this.#wildUntil[value] >= t && config.value !== value) open.push(after(config, value));
    }
    return [...found.values()];
  }

  #without(configs: readonly Config[], op: number): readonly Config[] {
    const found = new Map<string, Config>();
    for (const { value, done, seen } of configs) {
      const config: Config = {
        value,
        done: new Set([...done].filter((other) => other !== op)),
        seen: new Map([...seen].filter(([other]) => other !== op)),
      };
      found.set(keyOf(config), config);
    }
    return [...found.values()];
  }

  #fresh(value: Value): Config {
    const reads = new Set(this.#configs.flatMap(({ seen }) => [...seen.keys()]));
    return {
      value,
      done: new Set(),
      seen: new Map([...reads].map((op) => [op, new Set<Value>(["STARTED", "STOPPED"])])),
    };
  }
}

function after({ done, seen }: Config, value: Value, op?: number): Config {
  return {
    value,
    done: op === undefined ? done : new Set([...done, op]),
    seen: new Map([...seen].map(([read, values]) => [read, new Set([...values, value])])),
  };
}

function keyOf({ value, done, seen }: Config): string {
  const reads = [...seen].map(([op, values]) => `${op}:${[...values].sort().join("+")}`).sort();
  return `${value}|${[...done].sort((a, b) => a - b).join(",")}|${reads.join(",")}`;
}
