import { Dialog } from "../parts/dialog.js";
import { rebuild } from "../state/store.js";

/** Asks before the store is built again. */
export function RebuildDialog({ onClose }: { readonly onClose: () => void }) {
  return (
    <Dialog title="Build the store again?" onClose={onClose}>
      <p>
        It is built anew from the oldest record that Kafka has. What Kafka no longer has will not be in it. Until it is
        done the old one answers; reading and polling go on.
      </p>
      <div class="actions end">
        <button type="button" onClick={onClose}>
          Cancel
        </button>
        <button
          type="button"
          class="danger solid"
          onClick={() => {
            void rebuild();
            onClose();
          }}
        >
          Build it again
        </button>
      </div>
    </Dialog>
  );
}
