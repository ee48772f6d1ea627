import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { Record as DataRecord } from "@apispool/contracts/apispool/v1/record_pb.js";
import { moment, msOf } from "../logic/format.js";
import { problemOf } from "../logic/problem.js";
import { textOf } from "../logic/tail.js";
import { now } from "../state/clock.js";
import { versionsOf } from "../state/store.js";
import { RecordDialog } from "./record-dialog.js";

/** A record in full, and the other versions of the same thing. */
export function HistoryDialog({ record, onClose }: { readonly record: DataRecord; readonly onClose: () => void }) {
  const shown = useSignal(record);
  const versions = useSignal<readonly DataRecord[] | undefined>(undefined);
  const problem = useSignal("");
  useEffect(() => {
    if (record.id === "") return undefined;
    const stop = new AbortController();
    versionsOf(record.source, record.id, stop.signal).then(
      (all) => (versions.value = all),
      (error: unknown) => {
        if (!stop.signal.aborted) problem.value = problemOf(error).text;
      },
    );
    return () => stop.abort();
  }, []);
  const all = versions.value ?? [];
  const placeOf = ({ partition, offset }: DataRecord): string => `${partition}/${offset}`;
  return (
    <RecordDialog record={shown.value} text={textOf(shown.value)} onClose={onClose}>
      {problem.value !== "" && <p class="problem">Its versions cannot be had: {problem.value}</p>}
      {all.length > 1 && (
        <label class="versions">
          Version
          <select
            value={placeOf(shown.value)}
            onChange={(event) => {
              const place = event.currentTarget.value;
              shown.value = all.find((one) => placeOf(one) === place) ?? record;
            }}
          >
            {all.map((one, i) => (
              <option key={placeOf(one)} value={placeOf(one)}>
                {`${all.length - i} of ${all.length}, written ${momentOf(one)}`}
              </option>
            ))}
          </select>
        </label>
      )}
    </RecordDialog>
  );
}

function momentOf({ ingestedAt }: DataRecord): string {
  const ms = msOf(ingestedAt);
  return ms === undefined ? "at an unknown time" : moment(ms, now.peek());
}
