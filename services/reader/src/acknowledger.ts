import { decodeCursor } from "./cursor.js";
import type { Place } from "./place.js";
import type { Positions } from "./positions.js";
import type { Sessions } from "./sessions.js";

/** Moves readers up to cursors, and tells a stream that waits for that. */
export class Acknowledger {
  readonly #positions: Positions;
  readonly #sessions: Sessions;

  constructor(positions: Positions, sessions: Sessions) {
    this.#positions = positions;
    this.#sessions = sessions;
  }

  /** `field` is what the caller calls the cursor. A cursor behind the position changes nothing and says so. */
  async acknowledge(
    reader: string,
    cursor: string,
    field: string,
    signal?: AbortSignal,
  ): Promise<{ readonly changed: boolean; readonly places: readonly Place[] }> {
    const outcome = await this.#positions.advance(reader, decodeCursor(cursor, reader, field), signal);
    this.#sessions.of(reader)?.acknowledged(outcome.places);
    return outcome;
  }
}
