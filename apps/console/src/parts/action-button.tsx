import type { ComponentChildren } from "preact";

export interface ActionButtonProps {
  readonly onAct: () => void;
  /** It can be seen and focused, but does nothing now: a button that loses the focus when it is pressed loses its user. */
  readonly idle: boolean;
  readonly children: ComponentChildren;
  readonly class?: string;
  readonly label?: string | undefined;
}

/** A button whose action may not be possible, without ever taking the focus away. */
export function ActionButton({ onAct, idle, children, class: className = "", label }: ActionButtonProps) {
  return (
    <button
      type="button"
      class={className}
      aria-disabled={idle}
      aria-label={label}
      onClick={() => {
        if (!idle) onAct();
      }}
    >
      {children}
    </button>
  );
}
