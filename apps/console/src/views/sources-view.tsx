import type { SourceStatus } from "@apispool/contracts/apispool/v1/worker_control_pb.js";
import { WorkerControl } from "@apispool/contracts/apispool/v1/worker_control_pb.js";
import { type Command, curlGet, curlPost, grpcurl } from "../logic/commands.js";
import { count, durationMs, rate, span } from "../logic/format.js";
import { sentence } from "../logic/problem.js";
import { routeHash } from "../logic/route.js";
import { adviceOnSource, describeSource, lastSuccess } from "../logic/source-view.js";
import { ratesOf } from "../logic/throughput.js";
import { ActionButton } from "../parts/action-button.js";
import { Commands } from "../parts/commands.js";
import { Sparkline, ThroughputPlot } from "../parts/plot.js";
import { StatusDot } from "../parts/status-dot.js";
import { StreamNote } from "../parts/stream-note.js";
import { address } from "../state/clients.js";
import { now } from "../state/clock.js";
import {
  command,
  pending,
  sourceNames,
  statuses,
  throughput,
  throughputVersion,
  watchState,
} from "../state/sources.js";

/** What is running. */
export function SourcesView() {
  const all = [...(statuses.value?.values() ?? [])];
  const views = all.map((status) => describeSource(status, now.value));
  return (
    <>
      <div class="heading">
        <h1>Sources</h1>
        <StreamNote state={watchState.value} what="The status" />
        {all.length > 1 && (
          <div class="actions">
            <ActionButton idle={!views.some(({ canStart }) => canStart)} onAct={() => void command("start", [])}>
              Start all
            </ActionButton>
            <ActionButton idle={!views.some(({ canStop }) => canStop)} onAct={() => void command("stop", [])}>
              Stop all
            </ActionButton>
          </div>
        )}
      </div>
      <Throughputs />
      {statuses.value === undefined ? (
        <p class="empty">Asking for the sources …</p>
      ) : all.length === 0 ? (
        <p class="empty">
          No source is configured. Describe one in <code>apispool.yaml</code>, or name an address in{" "}
          <code>SOURCE_URL</code>.
        </p>
      ) : (
        <ul class="cards">
          {all.map((status) => (
            <SourceCard key={status.source} status={status} />
          ))}
        </ul>
      )}
      <Commands commands={commandsFor(sourceNames.value)} />
    </>
  );
}

function Throughputs() {
  // Subscribes to its changes.
  void throughputVersion.value;
  return (
    <section class="panel" aria-labelledby="throughput-title">
      <h2 id="throughput-title">Throughput</h2>
      <ThroughputPlot buckets={throughput.buckets()} />
    </section>
  );
}

function SourceCard({ status }: { readonly status: SourceStatus }) {
  void throughputVersion.value;
  const { source } = status;
  const view = describeSource(status, now.value);
  const buckets = throughput.buckets(source);
  const latency = durationMs(status.lastPollLatency);
  const busy = pending.value.has(source);
  return (
    <li class="card source" data-source={source}>
      <div class="who">
        <h2>
          <a href={routeHash({ view: "records", source })}>{source}</a>
        </h2>
        <span class="url" title={status.url}>
          {status.url}
        </span>
      </div>
      <p class="state">
        <StatusDot tone={view.tone} />
        <strong>{view.label}</strong> <span class="detail">{view.detail}</span>
      </p>
      <div class="rate">
        <Sparkline buckets={buckets} />
        <span>{rate(ratesOf(buckets).now)}/s</span>
      </div>
      <dl class="figures">
        <Figure
          name="Written"
          value={count(status.recordsTotal)}
          title={`${count(status.recordsSinceStart)} since the ingestor began`}
        />
        <Figure name="Last success" value={lastSuccess(status, now.value)} />
        <Figure name="Poll took" value={latency === undefined ? "–" : span(latency)} />
        <Figure
          name="Unchanged"
          value={count(status.duplicatesDropped)}
          title="Not written again, because nothing had changed"
        />
        {status.deadLettered > 0n ? (
          <div class="figure bad">
            <dt>Dead letters</dt>
            <dd>
              <a href={routeHash({ view: "dead-letters", source })}>{count(status.deadLettered)}</a>
            </dd>
          </div>
        ) : (
          <Figure name="Dead letters" value="0" />
        )}
      </dl>
      <div class="actions">
        <ActionButton
          class={view.canStart && !view.canStop && !busy ? "primary" : ""}
          label={`Start ${source}`}
          idle={busy || !view.canStart}
          onAct={() => void command("start", [source])}
        >
          Start
        </ActionButton>
        <ActionButton
          label={`Stop ${source}`}
          idle={busy || !view.canStop}
          onAct={() => void command("stop", [source])}
        >
          {busy && view.canStop ? "Stopping …" : "Stop"}
        </ActionButton>
      </div>
      {status.lastError !== "" && (
        <p class="problem">
          {sentence(status.lastError)} <span class="advice">{adviceOnSource(status)}</span>
        </p>
      )}
    </li>
  );
}

function Figure({ name, value, title }: { readonly name: string; readonly value: string; readonly title?: string }) {
  return (
    <div class="figure" title={title}>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}

function commandsFor(names: readonly string[]): readonly Command[] {
  const sources = names.slice(0, 1);
  return [
    { title: "The status", text: curlGet(address, "/worker") },
    { title: "Start one", text: curlPost(address, "/worker", { command: "start", sources }) },
    { title: "Stop one", text: curlPost(address, "/worker", { command: "stop", sources }) },
    { title: "One poll, without writing", text: curlPost(address, "/worker", { command: "test", sources }) },
    { title: "The status, live", text: curlGet(address, "/worker/events", [], ["-N"]) },
    { title: "The same by gRPC", text: grpcurl(address, `${WorkerControl.typeName}/WatchStatus`) },
  ];
}
