import { type Paint, painter } from "./colours.js";
import type { Surroundings } from "./surroundings.js";

/** What every command is made with. */
export interface Context {
  readonly around: Surroundings;
  /** Colours for the output, where it is to have any. To be asked for when the options are known. */
  readonly paint: () => Paint;
  /** The same for the errors. */
  readonly paintErrors: () => Paint;
}

export function createContext(around: Surroundings, wantsColour: () => boolean): Context {
  return {
    around,
    paint: () => painter(around, around.output, wantsColour()),
    paintErrors: () => painter(around, around.errors, wantsColour()),
  };
}
