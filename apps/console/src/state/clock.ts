import { signal } from "@preact/signals";

/** The time, in milliseconds since the Unix epoch, twice a second while the page is seen: for what counts up and down. */
export const now = signal(Date.now());

/** Whether the page is seen. */
export const visible = signal(!document.hidden);

export function startClock(): void {
  const tick = (): void => {
    if (visible.value) now.value = Date.now();
  };
  setInterval(tick, 500);
  document.addEventListener("visibilitychange", () => {
    visible.value = !document.hidden;
    tick();
  });
}
