import type { Tone } from "../logic/source-view.js";

/** Its shape differs with its colour; the text beside it says the same. */
export function StatusDot({ tone }: { readonly tone: Tone }) {
  return (
    <svg class={`dot ${tone}`} viewBox="0 0 12 12" width="12" height="12" aria-hidden="true">
      {tone === "off" ? (
        <circle cx="6" cy="6" r="4" fill="none" stroke="currentColor" stroke-width="2" />
      ) : tone === "bad" ? (
        <path d="M6 1 11.5 11h-11z" fill="currentColor" />
      ) : tone === "busy" ? (
        <path d="M6 2a4 4 0 1 0 4 4" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" />
      ) : (
        <circle cx="6" cy="6" r="5" fill="currentColor" />
      )}
    </svg>
  );
}
