import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { DataReader, type Reader } from "@apispool/contracts/apispool/v1/data_reader_pb.js";
import { type Command, curlGet, curlPost, grpcurl } from "../logic/commands.js";
import { ago, coarse, count, msOf } from "../logic/format.js";
import { Commands } from "../parts/commands.js";
import { address } from "../state/clients.js";
import { now } from "../state/clock.js";
import { link } from "../state/link.js";
import { readers, readersProblem, wanted } from "../state/readers.js";
import { DeleteDialog } from "./delete-dialog.js";
import { SeekDialog } from "./seek-dialog.js";

/** Who reads. */
export function ReadersView() {
  const dialog = useSignal<{ readonly what: "seek" | "delete"; readonly reader: Reader } | undefined>(undefined);
  useEffect(() => {
    wanted.value = true;
    return () => {
      wanted.value = false;
    };
  }, []);
  const all = readers.value;
  const problem = readersProblem.value;
  const close = (): void => {
    dialog.value = undefined;
  };
  return (
    <>
      <div class="heading">
        <h1>Readers</h1>
      </div>
      {problem !== undefined && link.value.kind !== "down" && (
        <p class="problem" role="status">
          The readers cannot be listed: {problem.text} <span class="advice">{problem.advice}</span>
        </p>
      )}
      {all === undefined ? (
        problem === undefined && <p class="empty">Asking for the readers …</p>
      ) : all.length === 0 ? (
        <p class="empty">Nobody has read yet. A reader is a name; it exists from its first fetch.</p>
      ) : (
        <ul class="cards">
          {all.map((reader) => (
            <ReaderCard key={reader.name} reader={reader} onAct={(what) => (dialog.value = { what, reader })} />
          ))}
        </ul>
      )}
      {dialog.value?.what === "seek" && <SeekDialog reader={dialog.value.reader} onClose={close} />}
      {dialog.value?.what === "delete" && <DeleteDialog reader={dialog.value.reader} onClose={close} />}
      <Commands commands={commandsFor(all?.[0]?.name ?? "me")} />
    </>
  );
}

interface ReaderCardProps {
  readonly reader: Reader;
  readonly onAct: (what: "seek" | "delete") => void;
}

function ReaderCard({ reader, onAct }: ReaderCardProps) {
  const { name, unread, unreadIsEstimate, positions } = reader;
  const oldest = msOf(reader.oldestUnreadAt);
  const active = msOf(reader.lastActivityAt);
  const sources = [...new Set(positions.map(({ source }) => source))];
  return (
    <li class="card reader" data-reader={name}>
      <div class="who">
        <h2>{name}</h2>
        <span class="url">{sources.length === 0 ? "no position yet" : sources.join(", ")}</span>
      </div>
      <dl class="figures">
        <div
          class={unread > 0n ? "figure waiting" : "figure"}
          title={unreadIsEstimate ? "An estimate from offsets" : undefined}
        >
          <dt>Unread</dt>
          <dd>
            {unreadIsEstimate ? "about " : ""}
            {count(unread)}
          </dd>
        </div>
        <div class="figure">
          <dt>Oldest unread</dt>
          <dd>{oldest === undefined ? "–" : coarse(now.value - oldest)}</dd>
        </div>
        <div class="figure">
          <dt>Last active</dt>
          <dd>{active === undefined ? "not known" : ago(active, now.value)}</dd>
        </div>
      </dl>
      <div class="actions">
        <button type="button" onClick={() => onAct("seek")} aria-label={`Seek ${name}`}>
          Seek …
        </button>
        <button type="button" class="danger" onClick={() => onAct("delete")} aria-label={`Delete ${name}`}>
          Delete …
        </button>
      </div>
      <details class="positions">
        <summary>Positions ({positions.length})</summary>
        <ul>
          {positions.map(({ source, partition, offset }) => (
            <li key={`${source}/${partition}`}>
              {source}, partition {partition}: next offset {String(offset)}
            </li>
          ))}
        </ul>
      </details>
    </li>
  );
}

function commandsFor(reader: string): readonly Command[] {
  const path = `/data/readers/${encodeURIComponent(reader)}`;
  return [
    { title: "All readers", text: curlGet(address, "/data/readers") },
    {
      title: `What ${reader} has not read yet; it counts as read then`,
      text: curlGet(address, "/data", [["reader", reader]]),
    },
    { title: `Let ${reader} read everything again`, text: curlPost(address, "/data/seek", { reader, to: "earliest" }) },
    { title: `Forget ${reader}`, text: curlGet(address, path, [], ["-X", "DELETE"]) },
    { title: "All readers, by gRPC", text: grpcurl(address, `${DataReader.typeName}/ListReaders`) },
  ];
}
