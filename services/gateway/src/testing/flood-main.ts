import { setPriority } from "node:os";
import { type Flood, type FloodKind, startFlood } from "./flood.js";

/** What the test's process says: begin this, or end what was begun. */
export type FloodOrder = FloodKind | { readonly kind: "stop" };
/** What it is told. */
export type FloodNews = { readonly begun: true } | { readonly ended: number } | { readonly failed: string };

// Who attacks has a machine of his own; here he shares one with who is attacked, and is to take only what nobody else wants.
setPriority(5);

let flood: Flood | undefined;

process.on("message", (order: FloodOrder) => {
  const tell = (news: FloodNews): void => void process.send?.(news);
  if (order.kind === "stop") {
    flood?.stop();
    tell({ ended: flood?.ended() ?? 0 });
    flood = undefined;
    return;
  }
  void startFlood(order).then(
    (begun) => {
      flood = begun;
      tell({ begun: true });
    },
    (error: unknown) => tell({ failed: String(error) }),
  );
});
process.on("disconnect", () => process.exit());
