import { sourceNames } from "../state/sources.js";

export interface SourceSelectProps {
  /** "" for all. */
  readonly source: string;
  readonly onSelect: (source: string) => void;
}

/** Chooses one source, or all of them. */
export function SourceSelect({ source, onSelect }: SourceSelectProps) {
  // An address may name one that is not known, or not yet.
  const names =
    source === "" || sourceNames.value.includes(source) ? sourceNames.value : [...sourceNames.value, source];
  return (
    <label>
      Source
      <select value={source} onChange={(event) => onSelect(event.currentTarget.value)}>
        <option value="">All sources</option>
        {names.map((name) => (
          <option key={name} value={name}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
}
