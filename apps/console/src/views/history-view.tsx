import { useSignal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import type { Record as DataRecord } from "@apispool/contracts/apispool/v1/record_pb.js";
import { RecordStore, StoppedReason } from "@apispool/contracts/apispool/v1/record_store_pb.js";
import { type Command, curlGet, grpcurl } from "../logic/commands.js";
import { ago, bytes, coarse, count, counted, durationMs, moment, msOf } from "../logic/format.js";
import { type HistoryForm, emptyForm, pageSize, stretches, urlQuery } from "../logic/history.js";
import { sentence } from "../logic/problem.js";
import { textOf } from "../logic/tail.js";
import { Commands } from "../parts/commands.js";
import { CountPlot } from "../parts/count-plot.js";
import { RecordTable } from "../parts/record-table.js";
import { SourceSelect } from "../parts/source-select.js";
import { address } from "../state/clients.js";
import { now } from "../state/clock.js";
import { link } from "../state/link.js";
import {
  asked,
  counts,
  findProblem,
  finding,
  form,
  found,
  more,
  rebuilding,
  search,
  status,
  statusProblem,
  storeOn,
  wanted,
} from "../state/store.js";
import { HistoryDialog } from "./history-dialog.js";
import { RebuildDialog } from "./rebuild-dialog.js";

/** All there ever was, searched. */
export function HistoryView() {
  const opened = useSignal<DataRecord | undefined>(undefined);
  const asking = useSignal(false);
  useEffect(() => {
    wanted.value = true;
    return () => (wanted.value = false);
  }, []);
  const isOn = storeOn.value;
  useEffect(() => {
    if (isOn && found.peek() === undefined) void search();
  }, [isOn]);
  const problem = statusProblem.value;
  if (!isOn) {
    return (
      <>
        <div class="heading">
          <h1>History</h1>
        </div>
        <p class="empty">{problem === undefined ? "Asking for the store …" : problem.text}</p>
      </>
    );
  }
  return (
    <>
      <div class="heading">
        <h1>History</h1>
        <Fresh />
        <div class="actions">
          <button type="button" aria-disabled={isRebuilding()} onClick={() => (asking.value = !isRebuilding())}>
            Build again
          </button>
        </div>
      </div>
      <RebuildState />
      {problem !== undefined && link.value.kind !== "down" && (
        <p class="problem" role="status">
          {problem.text} <span class="advice">{problem.advice}</span>
        </p>
      )}
      <SearchForm />
      {findProblem.value !== "" && (
        <p class="problem" role="alert">
          {findProblem.value}
        </p>
      )}
      <Answer onOpen={(record) => (opened.value = record)} />
      {opened.value !== undefined && (
        <HistoryDialog
          key={`${opened.value.source}/${opened.value.partition}/${opened.value.offset}`}
          record={opened.value}
          onClose={() => (opened.value = undefined)}
        />
      )}
      {asking.value && <RebuildDialog onClose={() => (asking.value = false)} />}
      <Commands commands={commandsFor(asked.value)} />
    </>
  );
}

/** The store has what Apispool does not poll, too. */
function storedSources(): readonly string[] {
  return (status.value?.sources ?? []).map(({ source }) => source);
}

function isRebuilding(): boolean {
  return rebuilding.value !== undefined || status.value?.rebuild !== undefined;
}

/** How far the store is behind Kafka. */
function Fresh() {
  const { kind = "", sources = [], freshness } = status.value ?? {};
  if (freshness === undefined) return null;
  const records = sources.reduce((sum, source) => sum + source.records, 0n);
  const { behind, completeUntil, problem, removedBefore } = freshness;
  const removed = msOf(removedBefore);
  const held = `${counted(records, "record")} in ${kind}`;
  const gone = removed === undefined ? "" : `; what was written before ${moment(removed, now.value)} was removed`;
  if (behind === 0n && problem === "") {
    return (
      <p class="hint">
        {held}, {gone === "" ? "all that Kafka has" : `up to date${gone}`}
      </p>
    );
  }
  const since = msOf(completeUntil);
  return (
    <p class="hint">
      {held}, {count(behind)} offsets behind Kafka
      {since !== undefined && `, whole up to ${ago(since, now.value)}`}
      {gone}
      {problem !== "" && `. ${sentence(problem)}`}
    </p>
  );
}

function RebuildState() {
  const progress = rebuilding.value ?? status.value?.rebuild;
  if (progress === undefined) return null;
  const { done, total, elapsed } = progress;
  const share = total === 0n ? 1 : Number(done) / Number(total);
  return (
    <p class="rebuild" role="status">
      <label>
        Building the store again{" "}
        <progress max="1" value={share}>
          {Math.floor(share * 100)} %
        </progress>
      </label>{" "}
      {count(done)} of {count(total)} offsets, {coarse(durationMs(elapsed) ?? 0)}
    </p>
  );
}

function SearchForm() {
  const { value } = form;
  const set = (change: Partial<HistoryForm>): void => void (form.value = { ...form.peek(), ...change });
  const text = (name: "id" | "where" | "from" | "to") => ({
    value: value[name],
    onInput: (event: { readonly currentTarget: HTMLInputElement }) => set({ [name]: event.currentTarget.value }),
  });
  return (
    <form
      class="toolbar filters history"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        void search();
      }}
    >
      <SourceSelect source={value.source} also={storedSources()} onSelect={(source) => set({ source })} />
      <label>
        Id
        <input {...text("id")} />
      </label>
      <label class="grow">
        Where
        <input {...text("where")} placeholder="properties.mag >= 5 and properties.place != null" spellcheck={false} />
      </label>
      <label>
        From
        <input type="datetime-local" step="1" {...text("from")} />
      </label>
      <label>
        To
        <input type="datetime-local" step="1" {...text("to")} />
      </label>
      <label>
        Time
        <select value={value.by} onChange={(event) => set({ by: event.currentTarget.value as HistoryForm["by"] })}>
          <option value="ingested">when written</option>
          <option value="event">when it happened</option>
        </select>
      </label>
      <label>
        Order
        <select
          value={value.order}
          onChange={(event) => set({ order: event.currentTarget.value as HistoryForm["order"] })}
        >
          <option value="desc">the last first</option>
          <option value="asc">the first first</option>
        </select>
      </label>
      <label>
        Plot
        <select
          value={value.bucket}
          onChange={(event) => set({ bucket: event.currentTarget.value as HistoryForm["bucket"] })}
        >
          <option value="day">by day</option>
          <option value="hour">by hour</option>
        </select>
      </label>
      <label>
        Newest version only
        <input
          type="checkbox"
          checked={value.newest}
          onChange={(event) => set({ newest: event.currentTarget.checked })}
        />
      </label>
      <div class="actions">
        <button type="submit" class="primary">
          Search
        </button>
        <button
          type="button"
          onClick={() => {
            form.value = emptyForm;
            void search();
          }}
        >
          Clear
        </button>
      </div>
    </form>
  );
}

function Answer({ onOpen }: { readonly onOpen: (record: DataRecord) => void }) {
  const answer = found.value;
  const told = counts.value;
  const { bucket } = asked.value;
  const bars = useMemo(() => stretches(told?.counts ?? [], bucket), [told, bucket]);
  if (answer === undefined) return findProblem.value === "" ? <p class="empty">Searching …</p> : null;
  return (
    <>
      <section class="panel" aria-labelledby="found-title">
        <h2 id="found-title">
          <span role="status">{foundText(told?.total ?? 0n, told?.stopped !== undefined)}</span>
        </h2>
        <CountPlot bars={bars} bucket={bucket} />
      </section>
      {answer.records.length > 0 && <Results records={answer.records} onOpen={onOpen} />}
      {answer.next !== "" && (
        <p class="more">
          {answer.stopped !== undefined && answer.stopped.reason !== StoppedReason.LIMIT && (
            <span class="hint">{sentence(answer.stopped.detail)} </span>
          )}
          <button type="button" aria-disabled={finding.value} onClick={() => void more()}>
            {`The next ${pageSize}`}
          </button>
        </p>
      )}
    </>
  );
}

function foundText(total: bigint, stopped: boolean): string {
  if (stopped) return `At least ${counted(total, "record")}; not all were counted`;
  return total === 0n ? "No record matches" : counted(total, "record");
}

function Results({
  records,
  onOpen,
}: {
  readonly records: readonly DataRecord[];
  readonly onOpen: (record: DataRecord) => void;
}) {
  return (
    <RecordTable label="Records that match" time={asked.value.by === "event" ? "Happened" : "Written"} look="found">
      {records.map((record) => (
        <Row
          key={`${record.source}/${record.partition}/${record.offset}`}
          record={record}
          onOpen={() => onOpen(record)}
        />
      ))}
    </RecordTable>
  );
}

function Row({ record, onOpen }: { readonly record: DataRecord; readonly onOpen: () => void }) {
  const ms = msOf(asked.value.by === "event" ? record.eventTime : record.ingestedAt);
  const text = textOf(record);
  return (
    <tr onClick={onOpen}>
      <td class="time">{ms === undefined ? "" : moment(ms, now.peek())}</td>
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
          {record.id === "" ? "(no id)" : record.id}
        </button>
      </td>
      <td class="number place">{`${record.partition === 0 ? "" : `${record.partition}/`}${record.offset}`}</td>
      <td class="content">
        <code>{text.slice(0, 300)}</code>
        <span class="size">{bytes(text.length)}</span>
      </td>
    </tr>
  );
}

function commandsFor(question: HistoryForm): readonly Command[] {
  const query = urlQuery(question);
  return [
    { title: "These records", text: curlGet(address, "/records", query) },
    { title: "All of them as CSV", text: curlGet(address, "/records", query, ["-H", "accept: text/csv"]) },
    {
      title: "How many each day",
      text: curlGet(address, "/records/count", [...query.filter(([name]) => name !== "order"), ["bucket", "day"]]),
    },
    {
      title: "By gRPC",
      text: grpcurl(address, `${RecordStore.typeName}/Query`, {
        ...(question.source === "" && question.where === "" ? {} : { filter: filterText(question) }),
        limit: pageSize,
      }),
    },
  ];
}

function filterText({ source, where }: HistoryForm): object {
  return { ...(source === "" ? {} : { sources: [source] }), ...(where === "" ? {} : { where }) };
}
