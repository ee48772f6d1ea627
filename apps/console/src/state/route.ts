import { signal } from "@preact/signals";
import { parseRoute } from "../logic/route.js";

export const route = signal(parseRoute(location.hash));

export function watchRoute(): void {
  addEventListener("hashchange", () => {
    route.value = parseRoute(location.hash);
  });
}
