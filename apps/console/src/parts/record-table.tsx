import type { ComponentChildren } from "preact";

/** A table of records with its frame, which scrolls by itself; its rows have five cells. */
export function RecordTable({
  label,
  time,
  look = "",
  children,
}: {
  readonly label: string;
  /** What the first column's time is of. */
  readonly time: string;
  readonly look?: string;
  readonly children: ComponentChildren;
}) {
  return (
    <div class="table-frame" tabIndex={0} role="region" aria-label={label}>
      <table class={`records ${look}`}>
        <thead>
          <tr>
            <th scope="col">{time}</th>
            <th scope="col">Source</th>
            <th scope="col">Id</th>
            <th scope="col" class="number place">
              Offset
            </th>
            <th scope="col">Content</th>
          </tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </div>
  );
}
