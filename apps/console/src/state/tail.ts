import { signal } from "@preact/signals";
import type { FetchUnreadResponse, Gap } from "@apispool/contracts/apispool/v1/data_reader_pb.js";
import type { Record as DataRecord } from "@apispool/contracts/apispool/v1/record_pb.js";
import { KeptStream, type StreamState } from "../logic/keep-open.js";
import { isConnectionLost } from "../logic/problem.js";
import { type Tail, addBatch, catchUpMs, emptyTail, markAway, resumeAt } from "../logic/tail.js";
import { reader } from "./clients.js";
import { visible } from "./clock.js";
import { checkLink, onLink } from "./link.js";

/** What has arrived. */
export const tail = signal<Tail>(emptyTail);
export const tailState = signal<StreamState>({ kind: "closed" });
/** Stopped by hand. */
export const paused = signal(false);

/** How often what has arrived is shown, in milliseconds: a fast source must not keep the page busy with drawing. */
const drawMs = 200;

let wanted: { readonly source: string } | undefined;
let stream: KeptStream | undefined;
let cursor = "";
let leftAt: number | undefined;
let waiting: { records: DataRecord[]; gaps: Gap[] } = { records: [], gaps: [] };
let drawing: ReturnType<typeof setTimeout> | undefined;

export function watchTail(): void {
  onLink({ lost: () => stream?.restart(), found: () => stream?.retry() });
  visible.subscribe(settle);
  paused.subscribe(settle);
}

/** Follows one source, or all (""); undefined: the tail is not looked at. */
export function follow(source: string | undefined): void {
  if (source === wanted?.source) return;
  // A cursor speaks of the sources that it was given for.
  if (source !== undefined && lastSource !== source) cursor = "";
  if (source !== undefined) lastSource = source;
  wanted = source === undefined ? undefined : { source };
  close();
  settle();
}
let lastSource: string | undefined;

export function clear(): void {
  tail.value = emptyTail;
}

/** Opens or closes the stream, whichever is wanted now. */
function settle(): void {
  if (wanted !== undefined && visible.value && !paused.value) open(wanted.source);
  else close();
}

/**
 * Reads from a place and commits nothing, so nobody's reader moves. After a short interruption it goes on where it was; after
 * a long one with what is new, and the list says that something is left out.
 */
function open(source: string): void {
  stream ??= KeptStream.of<FetchUnreadResponse>({
    open(signal) {
      const time = Date.now();
      const since = resumeAt(cursor, leftAt === undefined ? 0 : time - leftAt);
      if (leftAt !== undefined && time - leftAt > catchUpMs && tail.value.received > 0) {
        tail.value = markAway(tail.value, leftAt, time);
      }
      leftAt = undefined;
      return reader.fetchUnread({ since, follow: true, sources: source === "" ? [] : [source] }, { signal });
    },
    onMessage(batch) {
      if (batch.cursor !== "") cursor = batch.cursor;
      waiting.records.push(...batch.records);
      waiting.gaps.push(...batch.gaps);
      drawing ??= setTimeout(draw, drawMs);
    },
    onState(state) {
      tailState.value = state;
      if (state.kind === "open") return;
      leftAt ??= Date.now();
      if (state.kind === "waiting" && isConnectionLost(state.error)) checkLink();
    },
  });
}

function draw(): void {
  drawing = undefined;
  tail.value = addBatch(tail.value, waiting.records, waiting.gaps);
  waiting = { records: [], gaps: [] };
}

function close(): void {
  if (stream === undefined) return;
  stream.close();
  stream = undefined;
  leftAt ??= Date.now();
}
