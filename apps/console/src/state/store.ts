import { effect, signal } from "@preact/signals";
import { Code, ConnectError } from "@connectrpc/connect";
import type { Record as DataRecord } from "@apispool/contracts/apispool/v1/record_pb.js";
import type {
  CountResponse,
  GetStoreStatusResponse,
  RebuildProgress,
  StoppedEarly,
} from "@apispool/contracts/apispool/v1/record_store_pb.js";
import { Alarm } from "../logic/alarm.js";
import { type HistoryForm, countOf, emptyForm, filterOf, queryOf } from "../logic/history.js";
import { type Problem, problemOf } from "../logic/problem.js";
import { store } from "./clients.js";
import { visible } from "./clock.js";
import { link, onLink } from "./link.js";
import { say, sayProblem } from "./messages.js";

/** Whether a store is switched on, as far as that is known. */
export const storeOn = signal(false);
/** How the store is; undefined before its first answer. */
export const status = signal<GetStoreStatusResponse | undefined>(undefined);
export const statusProblem = signal<Problem | undefined>(undefined);
/** Whether anybody looks at the history. */
export const wanted = signal(false);
/** How far a rebuild is that was begun here; undefined: none is. */
export const rebuilding = signal<RebuildProgress | undefined>(undefined);

/** What was found. */
export interface Found {
  readonly records: readonly DataRecord[];
  /** Goes on; "" where nothing follows. */
  readonly next: string;
  readonly stopped: StoppedEarly | undefined;
}
export const found = signal<Found | undefined>(undefined);
export const counts = signal<CountResponse | undefined>(undefined);
export const findProblem = signal<string>("");
export const finding = signal(false);
/** Kept while other views are looked at. */
export const form = signal<HistoryForm>(emptyForm);
/** The question that `found` answers. */
export const asked = signal<HistoryForm>(emptyForm);

/** How often the status is asked for while it is looked at, in milliseconds. */
const everyMs = 3000;
const timeoutMs = 30_000;

const alarm = new Alarm();
let looking: AbortController | undefined;
let searching: AbortController | undefined;

export function watchStore(): void {
  onLink({
    found: () => {
      void look();
      alarm.ring();
    },
  });
  void look();
  effect(() => {
    const watch = wanted.value && visible.value;
    if (watch && looking === undefined) {
      looking = new AbortController();
      void poll(looking.signal);
    } else if (!watch) {
      looking?.abort();
      looking = undefined;
    }
  });
}

async function look(signal?: AbortSignal): Promise<void> {
  try {
    status.value = await store.getStoreStatus({}, { timeoutMs, ...(signal === undefined ? {} : { signal }) });
    storeOn.value = true;
    statusProblem.value = undefined;
  } catch (error) {
    if (signal?.aborted === true) return;
    const { code } = ConnectError.from(error);
    storeOn.value = code === Code.Unavailable ? storeOn.value || isStoreAway(error) : code === Code.DeadlineExceeded;
    statusProblem.value = problemOf(error);
  }
}

/** It is switched on, but away; where it is the gateway that is away, nothing is known. */
function isStoreAway(error: unknown): boolean {
  return error instanceof ConnectError && /\bstore\b/.test(error.rawMessage);
}

async function poll(signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    if (link.peek().kind !== "down") await look(signal);
    await alarm.sleep(everyMs, signal);
  }
}

/** Asks anew; what was found before is shown until the answer is there. */
export async function search(): Promise<void> {
  searching?.abort();
  const question = form.peek();
  const filter = filterOf(question);
  if ("problem" in filter) {
    findProblem.value = filter.problem;
    return;
  }
  searching = new AbortController();
  const { signal } = searching;
  finding.value = true;
  findProblem.value = "";
  try {
    const [first, counted] = await Promise.all([
      page(question, "", signal),
      store.count(countOf(question, filter.filter), { signal, timeoutMs }),
    ]);
    asked.value = question;
    found.value = first;
    counts.value = counted;
  } catch (error) {
    if (!signal.aborted) findProblem.value = words(error);
  } finally {
    if (!signal.aborted) finding.value = false;
  }
}

/** The next page, behind what was found. */
export async function more(): Promise<void> {
  const before = found.peek();
  if (before === undefined || before.next === "" || finding.peek()) return;
  const { signal } = (searching = new AbortController());
  finding.value = true;
  try {
    const next = await page(asked.peek(), before.next, signal);
    found.value = { ...next, records: [...before.records, ...next.records] };
  } catch (error) {
    if (!signal.aborted) findProblem.value = words(error);
  } finally {
    if (!signal.aborted) finding.value = false;
  }
}

async function page(question: HistoryForm, cursor: string, signal: AbortSignal): Promise<Found> {
  const filter = filterOf(question);
  if ("problem" in filter) throw new Error(filter.problem);
  const records: DataRecord[] = [];
  let next = "";
  let stopped: StoppedEarly | undefined;
  for await (const response of store.query(queryOf(question, filter.filter, cursor), { signal, timeoutMs })) {
    records.push(...response.records);
    ({ nextCursor: next, stopped } = response);
  }
  return { records, next: stopped === undefined ? "" : next, stopped };
}

/** All versions of a thing, the newest first. */
export async function versionsOf(source: string, id: string, signal: AbortSignal): Promise<readonly DataRecord[]> {
  return (await store.get({ source, id, limit: 100 }, { signal, timeoutMs })).versions;
}

/** Builds the store again; it goes on when the page is closed. */
export async function rebuild(): Promise<void> {
  try {
    let complete = false;
    for await (const message of store.rebuildStore({})) {
      rebuilding.value = message.progress;
      ({ complete } = message);
    }
    if (complete) say("good", "The store was built again.");
    alarm.ring();
  } catch (error) {
    sayProblem("The rebuild was not seen to its end", error);
  } finally {
    rebuilding.value = undefined;
  }
}

function words(error: unknown): string {
  const { text, advice } = problemOf(error);
  // What is wrong with the question is said by the answer.
  return ConnectError.from(error).code === Code.InvalidArgument
    ? text.replace("Filter.where", "Where")
    : `${text} ${advice}`;
}
