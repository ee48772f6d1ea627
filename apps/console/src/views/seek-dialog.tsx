import { useSignal } from "@preact/signals";
import type { Reader } from "@apispool/contracts/apispool/v1/data_reader_pb.js";
import { type SeekTarget, localTime, offsetKey, seekRequest } from "../logic/seek-form.js";
import { Dialog } from "../parts/dialog.js";
import { now } from "../state/clock.js";
import { seek } from "../state/readers.js";

const targets: readonly (readonly [SeekTarget, string])[] = [
  ["earliest", "The beginning: everything is read again"],
  ["latest", "The end: what is unread now is skipped"],
  ["time", "A time: the first record written then or later"],
  ["offsets", "Offsets"],
];

/** Where to move a reader; moving it is the confirmation. */
export function SeekDialog({ reader, onClose }: { readonly reader: Reader; readonly onClose: () => void }) {
  const { name, positions } = reader;
  const target = useSignal<SeekTarget>("earliest");
  const time = useSignal(localTime(now.peek() - 3_600_000));
  const offsets = useSignal<Readonly<Record<string, string>>>(
    Object.fromEntries(positions.map((position) => [offsetKey(position), String(position.offset)])),
  );
  const problem = useSignal("");
  const busy = useSignal(false);
  const submit = async (): Promise<void> => {
    if (busy.value) return;
    const asked = seekRequest(name, positions, { target: target.value, time: time.value, offsets: offsets.value });
    if ("problem" in asked) {
      problem.value = asked.problem;
      return;
    }
    problem.value = "";
    busy.value = true;
    const done = await seek(asked.request);
    busy.value = false;
    if (done) onClose();
    else problem.value = "It was not moved; the message at the bottom says why.";
  };
  return (
    <Dialog title={<>Move the reader {name}</>} onClose={onClose}>
      <form
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          void submit();
        }}
      >
        <fieldset>
          <legend>Read on from</legend>
          {targets.map(([value, label]) => (
            <label key={value} class="choice">
              <input
                type="radio"
                name="target"
                value={value}
                checked={target.value === value}
                onChange={() => (target.value = value)}
                disabled={value === "offsets" && positions.length === 0}
              />
              {label}
            </label>
          ))}
          {target.value === "time" && (
            <label class="field">
              Day and time, in your time zone
              <input
                type="datetime-local"
                step="1"
                value={time.value}
                onInput={(event) => (time.value = event.currentTarget.value)}
              />
            </label>
          )}
          {target.value === "offsets" &&
            positions.map((position) => (
              <label key={offsetKey(position)} class="field">
                {position.source}, partition {position.partition}
                <input
                  inputMode="numeric"
                  value={offsets.value[offsetKey(position)] ?? ""}
                  onInput={(event) =>
                    (offsets.value = { ...offsets.value, [offsetKey(position)]: event.currentTarget.value })
                  }
                />
              </label>
            ))}
        </fieldset>
        {problem.value !== "" && (
          <p class="problem" role="alert">
            {problem.value}
          </p>
        )}
        <div class="actions end">
          <button type="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" class="primary" disabled={busy.value}>
            Move {name}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
