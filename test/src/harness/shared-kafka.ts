import type { Supervisor } from "@apispool/launcher/supervisor.js";

/** What the global set-up leaves for the global teardown. jest loads each of them on its own, so it is kept globally. */
export const shared = globalThis as unknown as {
  apispoolTestKafka: { readonly supervisor: Supervisor; readonly dir: string } | undefined;
};
