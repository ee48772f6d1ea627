import { decodeCursor } from "./cursor.js";
import type { Place } from "./place.js";
import type { Positions } from "./positions.js";
import type { Sessions } from "./sessions.js";

/** Moves readers up to cursors, and tells a stream that waits for that. */
export class Acknowledger {
  readonly #positions: Positions;
  readonly #sessions: Sessions;
  readonly #count: (outcome: "moved" | "unchanged" | "failed") => void;

  constructor(positions: Positions, sessions: Sessions, count: (outcome: "moved" | "unchanged" | "failed") => void) {
    this.#positions = positions;
    this.#sessions = sessions;
    this.#count = count;
  }

  /** `field` is what the caller calls the cursor. A cursor behind the position changes nothing and says so. */
  async acknowledge(
    reader: string,
    cursor: string,
    field: string,
    signal?: AbortSignal,
  ): Promise<{ readonly changed: boolean; readonly places: readonly Place[] }> {
    const to = decodeCursor(cursor, reader, field);
    const outcome = await this.#positions.advance(reader, to, signal).catch((error: unknown) => {
      this.#count("failed");
      throw error;
    });
    this.#count(outcome.changed ? "moved" : "unchanged");
    this.#sessions.of(reader)?.acknowledged(outcome.places);
    return outcome;
  }
}
