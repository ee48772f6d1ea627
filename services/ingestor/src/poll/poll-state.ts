import type { Validators } from "../http/conditional.js";
import type { ResumeAt } from "../extract/page.js";
import type { PageToken } from "../paging/paginator.js";

/** What is remembered of a poll's first page. */
export interface FirstPage {
  /** Hash of the request: the validators mean nothing for another one. */
  readonly question: string;
  readonly validators: Validators;
  readonly hash: string;
}

/** What the templates of a poll's requests were filled in with; the same for all pages of a poll, crashes included. */
export interface PollValues {
  readonly cursor?: string;
  readonly lastPoll?: number;
  readonly now: number;
}

/** A record of the parent that a child's requests are made for. */
export interface ParentItem {
  readonly partition: number;
  readonly offset: number;
}

/** How far a poll has got; what stands here is in the log. */
export interface Progress {
  /** Names the poll in logs. */
  readonly poll: string;
  readonly values: PollValues;
  /** The page that comes next. */
  readonly token: PageToken;
  /** Set where a part of that page is in the log already. */
  readonly resume?: ResumeAt;
  /** Pages that are done. */
  readonly pages: number;
  /** Records that this poll has looked at. */
  readonly items?: number;
  readonly first?: FirstPage;
  /** Greatest value of the cursor's field in this poll; becomes the source's own when the poll is done. */
  readonly highWater?: string;
  readonly item?: ParentItem;
}

/** What has to survive of a source's polls: written with the records that it speaks of. Times are Unix milliseconds. */
export interface PollState {
  /** What was asked: nothing of this means anything for another question. */
  readonly fingerprint: string;
  /** Of the newest poll that is done. */
  readonly first?: FirstPage;
  readonly highWater?: string;
  readonly lastPollAt?: number;
  /** Records that it looked at, whatever it asked. */
  readonly items?: number;
  /** Of the poll that is under way. */
  readonly progress?: Progress;
  /** Where to go on in each partition of the parent's topic. */
  readonly parent?: Readonly<Record<string, number>>;
}

/**
 * How many ids have to be known so that nothing is written twice: a poll that is not done has still to meet those of the
 * poll before, and the next one will meet its own, those from before a break or a restart included.
 */
export function idsToRemember({ items = 0, progress }: PollState): number {
  return items + (progress?.items ?? 0);
}

/** Progress without news is written this often, so that a crash does not cost hours of paging. In milliseconds. */
const PROGRESS_EVERY_MS = 5000;

/**
 * Whether a state has to be written although there is no record to write with it. An API where nothing is new costs no
 * write: what is lost then is a validator or the place in a poll that found nothing.
 */
export function mustAdvance(written: PollState | undefined, next: PollState, sinceWrittenMs: number): boolean {
  if (written?.progress !== undefined && next.progress === undefined) return true;
  if (written?.highWater !== next.highWater) return true;
  if (sinceWrittenMs < PROGRESS_EVERY_MS) return false;
  const place = ({ progress, parent }: PollState): string =>
    JSON.stringify([progress?.token, progress?.resume, progress?.item, parent]);
  return place(next) !== place(written ?? { fingerprint: next.fingerprint });
}
