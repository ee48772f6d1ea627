import { signal, useSignal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import { DataReader, GapReason } from "@apispool/contracts/apispool/v1/data_reader_pb.js";
import { type Command, curlGet, grpcurl } from "../logic/commands.js";
import { bytes, counted, moment, msOf } from "../logic/format.js";
import { routeHash } from "../logic/route.js";
import { type Begin, type TailEntry, begins, matching, mostEntries } from "../logic/tail.js";
import { Commands } from "../parts/commands.js";
import { RecordTable } from "../parts/record-table.js";
import { SourceSelect } from "../parts/source-select.js";
import { StreamNote } from "../parts/stream-note.js";
import { address } from "../state/clients.js";
import { now } from "../state/clock.js";
import { link } from "../state/link.js";
import { route } from "../state/route.js";
import { clear, follow, paused, tail, tailState } from "../state/tail.js";
import { RecordDialog } from "./record-dialog.js";

type RecordEntry = Extract<TailEntry, { kind: "record" }>;

/** Kept while other views are looked at. */
const begin = signal<Begin>("1");

const beginNames: Readonly<Record<Begin, string>> = {
  latest: "with the next one",
  "1": "1 minute ago",
  "15": "15 minutes ago",
  "60": "1 hour ago",
  earliest: "with the oldest",
};

/** What arrives. */
export function RecordsView() {
  const { source } = route.value;
  const words = useSignal("");
  const opened = useSignal<RecordEntry | undefined>(undefined);
  useEffect(() => follow({ source, begin: begin.value }), [source, begin.value]);
  useEffect(() => () => follow(undefined), []);
  const { entries, received } = tail.value;
  const shown = useMemo(() => matching(entries, words.value), [entries, words.value]);
  return (
    <>
      <div class="heading">
        <h1>Records</h1>
        <p class="live" data-live={isLive() ? "yes" : "no"}>
          <span class={isLive() ? "pulse" : "pulse still"} aria-hidden="true" />
          {liveText()}
        </p>
        <div class="actions">
          <button type="button" aria-pressed={paused.value} onClick={() => (paused.value = !paused.value)}>
            Pause
          </button>
          <button type="button" onClick={clear}>
            Clear
          </button>
        </div>
      </div>
      <StreamNote state={tailState.value} what="The list" />
      <div class="toolbar filters">
        <SourceSelect
          source={source}
          onSelect={(next) => {
            location.hash = routeHash({ view: "records", source: next });
          }}
        />
        <label>
          Begin
          <select value={begin.value} onChange={(event) => (begin.value = event.currentTarget.value as Begin)}>
            {begins.map((value) => (
              <option key={value} value={value}>
                {beginNames[value]}
              </option>
            ))}
          </select>
        </label>
        <label>
          Contains
          <input
            type="search"
            value={words.value}
            placeholder="id or content"
            onInput={(event) => (words.value = event.currentTarget.value)}
          />
        </label>
        <p class="hint">
          {counted(received, "record")} came; the last {mostEntries} are kept. Watching moves no reader.
        </p>
      </div>
      {shown.length === 0 ? (
        <p class="empty">{emptyText(entries.length > 0)}</p>
      ) : (
        <RecordTable label="Records, the newest first" time="Written">
          {shown.map((entry) =>
            entry.kind === "record" ? (
              <RecordRow key={entry.key} entry={entry} onOpen={() => (opened.value = entry)} />
            ) : (
              <tr key={entry.key} class="mark">
                <td colSpan={5}>{markText(entry)}</td>
              </tr>
            ),
          )}
        </RecordTable>
      )}
      {opened.value !== undefined && (
        <RecordDialog
          key={opened.value.key}
          record={opened.value.record}
          text={opened.value.text}
          onClose={() => (opened.value = undefined)}
        />
      )}
      <Commands commands={commandsFor(source)} />
    </>
  );
}

function RecordRow({ entry, onOpen }: { readonly entry: RecordEntry; readonly onOpen: () => void }) {
  const { record, text } = entry;
  const written = msOf(record.ingestedAt);
  return (
    <tr onClick={onOpen}>
      <td class="time">{written !== undefined && <Time ms={written} />}</td>
      <td class="source-name">{record.source}</td>
      <td class="id">
        <button
          type="button"
          class="link"
          onClick={(event) => {
            event.stopPropagation();
            onOpen();
          }}
        >
          {record.id}
        </button>
      </td>
      <td class="number place">
        {record.partition === 0 ? `${record.offset}` : `${record.partition}:${record.offset}`}
      </td>
      <td class="content">
        <code>{text.slice(0, 300)}</code>
        <span class="size">{bytes(text.length)}</span>
      </td>
    </tr>
  );
}

/** Where there is little room, without its thousandths. */
function Time({ ms }: { readonly ms: number }) {
  const text = moment(ms, now.peek());
  const point = text.lastIndexOf(".");
  if (point === -1) return <>{text}</>;
  return (
    <>
      {text.slice(0, point)}
      <span class="thousandths">{text.slice(point)}</span>
    </>
  );
}

function isLive(): boolean {
  return !paused.value && tailState.value.kind === "open" && link.value.kind !== "down";
}

function liveText(): string {
  if (paused.value) return "Paused";
  return isLive() ? "Live" : "Not live";
}

function emptyText(hasOthers: boolean): string {
  if (hasOthers) return "None of the records that came matches.";
  if (paused.value) return "Paused. What arrives now is not shown.";
  return "Waiting for the next record.";
}

const gapReasons: Readonly<Record<number, string>> = {
  [GapReason.EXPIRED]: "Kafka has deleted them",
  [GapReason.TOPIC_RECREATED]: "the topic was made anew",
  [GapReason.TRUNCATED]: "the log was truncated",
  [GapReason.UNREADABLE]: "their bytes are damaged",
};

function markText(entry: Exclude<TailEntry, RecordEntry>): string {
  if (entry.kind === "away") {
    const [from, to] = [moment(entry.fromMs, now.peek()), moment(entry.toMs, now.peek())];
    return `Not shown: what arrived between ${from} and ${to}, while the page did not look. Every reader gets it.`;
  }
  const { gap } = entry;
  const where = `${gap.source}, partition ${gap.partition}, offsets ${gap.fromOffset} to ${gap.toOffset - 1n}`;
  return `Missing: ${where}: ${gapReasons[gap.reason] ?? ""}. ${gap.detail}`;
}

function commandsFor(source: string): readonly Command[] {
  const sources = source === "" ? {} : { sources: [source] };
  const query = [["source", source]] as const;
  return [
    {
      title: "This list, live; moves no reader",
      text: curlGet(
        address,
        "/data",
        [["since", "latest"], ["follow", "true"], ...query],
        ["-N", "-H", "accept: application/x-ndjson"],
      ),
    },
    {
      title: "The same by gRPC",
      text: grpcurl(address, `${DataReader.typeName}/FetchUnread`, { since: "latest", follow: true, ...sources }),
    },
    {
      title: "What the reader “me” has not read yet; it counts as read then",
      text: curlGet(address, "/data", [["reader", "me"], ...query]),
    },
  ];
}
