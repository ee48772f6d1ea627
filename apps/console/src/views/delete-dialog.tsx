import { useSignal } from "@preact/signals";
import type { Reader } from "@apispool/contracts/apispool/v1/data_reader_pb.js";
import { counted } from "../logic/format.js";
import { Dialog } from "../parts/dialog.js";
import { remove } from "../state/readers.js";

/** Asks before a reader is forgotten. */
export function DeleteDialog({ reader, onClose }: { readonly reader: Reader; readonly onClose: () => void }) {
  const busy = useSignal(false);
  const confirm = async (): Promise<void> => {
    if (busy.value) return;
    busy.value = true;
    await remove(reader.name);
    onClose();
  };
  return (
    <Dialog title={<>Delete the reader {reader.name}?</>} onClose={onClose}>
      <p>
        Its position is forgotten: if it fetches again, it begins with the oldest record that Kafka has. Records are not
        touched, nor is any other reader.
      </p>
      <p>It has not read {counted(reader.unread, "record")} now.</p>
      <div class="actions end">
        <button type="button" onClick={onClose}>
          Cancel
        </button>
        <button type="button" class="danger solid" disabled={busy.value} onClick={() => void confirm()}>
          Delete {reader.name}
        </button>
      </div>
    </Dialog>
  );
}
