import type { Command } from "../logic/commands.js";
import { CopyButton } from "./copy-button.js";

/** What to type for what is on the screen. */
export function Commands({ commands }: { readonly commands: readonly Command[] }) {
  return (
    <section class="panel commands" aria-labelledby="commands-title">
      <h2 id="commands-title">What to type</h2>
      <ul>
        {commands.map(({ title, text }) => (
          <li key={title}>
            <span class="command-title">{title}</span>
            <div class="command">
              <code>{text}</code>
              <CopyButton text={text} what={title} />
            </div>
          </li>
        ))}
      </ul>
    </section>
  );
}
