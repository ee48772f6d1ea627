import { useSignal } from "@preact/signals";
import { useMemo } from "preact/hooks";
import { prettyJson } from "../logic/json.js";
import { CopyButton } from "./copy-button.js";

/** A JSON text, laid out or as it is; its characters are the API's in both. */
export function JsonView({ text, what }: { readonly text: string; readonly what: string }) {
  const raw = useSignal(false);
  const tokens = useMemo(() => prettyJson(text), [text]);
  return (
    <div class="json-view">
      <div class="toolbar">
        {tokens === undefined ? (
          <span class="hint">As it is; too long or no JSON to lay out</span>
        ) : (
          <div class="segmented" role="group" aria-label={`How to show ${what}`}>
            <button type="button" aria-pressed={!raw.value} onClick={() => (raw.value = false)}>
              Laid out
            </button>
            <button type="button" aria-pressed={raw.value} onClick={() => (raw.value = true)}>
              Raw
            </button>
          </div>
        )}
        <CopyButton text={text} what={what} />
      </div>
      {/* Focusable, because it scrolls. */}
      <pre class="json" tabIndex={0} role="region" aria-label={what}>
        {raw.value || tokens === undefined
          ? text
          : tokens.map(({ kind, text: part }, index) =>
              kind === "space" || kind === "mark" ? (
                part
              ) : (
                <span key={index} class={`json-${kind}`}>
                  {part}
                </span>
              ),
            )}
      </pre>
    </div>
  );
}
