import { access, constants } from "node:fs/promises";
import { delimiter, join } from "node:path";

/** Where a program is on a PATH; undefined where it is not. */
export async function onPath(program: string, path: string): Promise<string | undefined> {
  // An empty entry means the working folder: nothing is run from there.
  for (const folder of path.split(delimiter).filter((entry) => entry !== "")) {
    const file = join(folder, program);
    try {
      await access(file, constants.X_OK);
      return file;
    } catch {
      // Not here.
    }
  }
  return undefined;
}
