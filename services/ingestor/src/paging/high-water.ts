import type { CursorConfig } from "../config/source-config.js";
import { compareCursors, cursorValue } from "../extract/cursor-value.js";
import { subtractDecimals } from "../extract/decimal.js";

/**
 * The greatest cursor value that was seen in a source's records, which says where the next request begins. It never goes
 * back: a record that comes late is caught by the overlap.
 */
export class HighWater {
  readonly #config: CursorConfig;
  readonly #floor: string | undefined;
  #value: string | undefined;

  /** @param value as {@link value} gave it before; undefined before the first record. */
  constructor(config: CursorConfig, value?: string) {
    this.#config = config;
    this.#floor = cursorValue(config.type, config.initial, undefined);
    this.#value = value === undefined ? undefined : cursorValue(config.type, value, undefined);
  }

  /** For the state; undefined before the first record. */
  get value(): string | undefined {
    return this.#value;
  }

  /** Takes in a record's cursor value, in the form that the extractor gives it. */
  observe(cursor: string | undefined): void {
    if (cursor === undefined) return;
    const highest = this.#value ?? this.#floor;
    if (highest === undefined || compareCursors(this.#config.type, cursor, highest) > 0) this.#value = cursor;
  }

  /**
   * What the next request begins with: the value less the overlap, written as the API wants it; the initial value, as it
   * was configured, before the first record. A time after `now` counts as `now`: one record with a wrong clock would
   * otherwise keep everything after it from being asked for.
   */
  next(now: number): string | undefined {
    const { type, overlap, initial } = this.#config;
    if (this.#value === undefined) return initial;
    if (type === "string") return this.#value;
    if (type === "number") return subtractDecimals(this.#value, String(overlap));
    return this.#formatTime(Math.min(Date.parse(this.#value), now) - overlap);
  }

  #formatTime(ms: number): string {
    const { format } = this.#config;
    if (format === "unix_ms") return String(ms);
    // Rounded down: it may begin earlier than it has to, never later.
    if (format === "unix") return String(Math.floor(ms / 1000));
    // Without a fraction where there is none: not every API reads one.
    return new Date(ms).toISOString().replace(".000Z", "Z");
  }
}
