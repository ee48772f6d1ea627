import { OwnWays } from "./own-ways.js";
import { Toxiproxy } from "./toxiproxy.js";
import { type ToxiproxyOptions, findToxiproxy } from "./toxiproxy-program.js";
import type { Ways } from "./way.js";

/** Ways through toxiproxy; through a proxy of our own where that cannot be had, which `say` is told. */
export async function openWays(say: (text: string) => void, options: ToxiproxyOptions = {}): Promise<Ways> {
  const found = await findToxiproxy(options);
  if ("program" in found) return Toxiproxy.start(found.program);
  const own = new OwnWays(found.problem);
  say(`faults: network faults go through ${own.carrier}`);
  return own;
}
