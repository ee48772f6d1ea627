import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";

/** Copies a text; what it copied is in its name, so that several on a page can be told apart. */
export function CopyButton({ text, what }: { readonly text: string; readonly what: string }) {
  const state = useSignal<"ready" | "copied" | "failed">("ready");
  useEffect(() => {
    if (state.value === "ready") return;
    const timer = setTimeout(() => (state.value = "ready"), 2000);
    return () => clearTimeout(timer);
  }, [state.value]);
  const copy = async (): Promise<void> => {
    state.value = (await copyText(text)) ? "copied" : "failed";
  };
  const label = { ready: "Copy", copied: "Copied", failed: "Not allowed" }[state.value];
  return (
    <button type="button" class="small copy" onClick={() => void copy()} aria-label={`${label}: ${what}`}>
      {label}
    </button>
  );
}

/** Browsers give the clipboard only to secure origins, localhost among them; elsewhere the old way still works. */
async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = document.createElement("textarea");
    area.value = text;
    area.className = "off-screen";
    // Inside of an open dialog, where alone something can be selected.
    const place = document.querySelector("dialog[open]") ?? document.body;
    const focused = document.activeElement;
    place.append(area);
    area.select();
    // oxlint-disable-next-line typescript/no-deprecated -- there is no other way without a secure origin
    const copied = document.execCommand("copy");
    area.remove();
    if (focused instanceof HTMLElement) focused.focus();
    return copied;
  }
}
