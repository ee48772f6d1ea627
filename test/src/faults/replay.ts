import { Checker } from "./checker.js";
import { readHistory } from "./history.js";

/** Holds a history that was written before against what is promised; one that is still being written up to where it has come. */
export async function replay(
  file: string,
): Promise<{ readonly checker: Checker; readonly lastMs: number; readonly faults: number }> {
  const checker = new Checker();
  let lastMs = 0;
  let faults = 0;
  try {
    for await (const event of readHistory(file)) {
      checker.see(event);
      lastMs = event.t;
      if (event.kind === "fault") faults += 1;
      if (event.kind === "settled") checker.finish();
    }
  } catch (error) {
    // The last line may not be whole yet.
    if (!(error instanceof SyntaxError)) throw error;
  }
  return { checker, lastMs, faults };
}
