import { sourceNames } from "../state/sources.js";

export interface SourceSelectProps {
  /** "" for all. */
  readonly source: string;
  /** Names beside those that are polled. */
  readonly also?: readonly string[];
  readonly onSelect: (source: string) => void;
}

/** Chooses one source, or all of them. */
export function SourceSelect({ source, also = [], onSelect }: SourceSelectProps) {
  // An address may name one that is not known, or not yet.
  const names = [...new Set([...sourceNames.value, ...also, ...(source === "" ? [] : [source])])];
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
