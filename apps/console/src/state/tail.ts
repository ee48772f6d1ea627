import { signal } from "@preact/signals";
import type { FetchUnreadResponse, Gap } from "@apispool/contracts/apispool/v1/data_reader_pb.js";
import type { Record as DataRecord } from "@apispool/contracts/apispool/v1/record_pb.js";
import { KeptStream, type StreamState } from "../logic/keep-open.js";
import { isConnectionLost } from "../logic/problem.js";
import {
  type Begin,
  type Tail,
  addBatch,
  canCatchUp,
  emptyTail,
  markAway,
  mostEntries,
  sinceOf,
} from "../logic/tail.js";
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

/** What is followed. */
interface Wanted {
  /** "" for all. */
  readonly source: string;
  readonly begin: Begin;
}

let wanted: Wanted | undefined;
/** What the list on the page is of. */
let shown: Wanted | undefined;
let stream: KeptStream | undefined;
/** Where the list ends; "" before anything came. */
let cursor = "";
/** Since when nobody reads, in milliseconds since the Unix epoch. */
let leftAt: number | undefined;
let waiting: { records: DataRecord[]; gaps: Gap[] } = { records: [], gaps: [] };
let drawing: ReturnType<typeof setTimeout> | undefined;

export function watchTail(): void {
  onLink({ lost: () => stream?.restart(), found: () => stream?.retry() });
  visible.subscribe(settle);
  paused.subscribe(settle);
}

/** Follows one source, or all; undefined: the tail is not looked at. */
export function follow(next: Wanted | undefined): void {
  close();
  wanted = next;
  if (next !== undefined && (next.source !== shown?.source || next.begin !== shown.begin)) {
    shown = next;
    cursor = "";
    leftAt = undefined;
    waiting = { records: [], gaps: [] };
    tail.value = emptyTail;
  }
  settle();
}

export function clear(): void {
  tail.value = { ...tail.value, entries: [] };
}

/** Opens or closes the stream, whichever is wanted now. */
function settle(): void {
  if (wanted !== undefined && visible.value && !paused.value) open(wanted);
  else close();
}

/**
 * Reads from a place and commits nothing, so nobody's reader moves. After a short interruption it goes on where it was; after
 * a long one with what is new, and the list says that something is left out.
 */
function open({ source, begin }: Wanted): void {
  stream ??= KeptStream.of<FetchUnreadResponse>({
    open(signal) {
      const since = place(begin);
      return reader.fetchUnread({ since, follow: true, sources: source === "" ? [] : [source] }, { signal });
    },
    onMessage(batch) {
      if (batch.cursor !== "") cursor = batch.cursor;
      waiting.records.push(...batch.records);
      waiting.gaps.push(...batch.gaps);
      // More than is kept need not be kept until it is drawn.
      if (waiting.records.length > 20 * mostEntries) draw();
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

function place(begin: Begin): string {
  const time = Date.now();
  const away = leftAt === undefined ? 0 : time - leftAt;
  const since = leftAt;
  leftAt = undefined;
  if (since !== undefined && !canCatchUp(away)) {
    tail.value = markAway(tail.value, since, time);
    return "latest";
  }
  if (cursor !== "") return cursor;
  // Nothing came yet, and what came meanwhile would be left out in silence.
  return since !== undefined && begin === "latest" ? new Date(since).toISOString() : sinceOf(begin, time);
}

function draw(): void {
  clearTimeout(drawing);
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
