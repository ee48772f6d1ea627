import { setImmediate as turn } from "node:timers/promises";
import type { FetchUnreadRequest } from "@apispool/contracts/apispool/v1/data_reader_pb.js";
import { invalidArgument } from "@apispool/common/errors.js";
import type { FetchedPartition } from "@apispool/kafka-log/log-reader.js";
import { type StoredRecord, VarintWalk } from "@apispool/kafka-log/stored-record.js";
import { withinTime } from "./time-limit.js";
import { Where, WhereError } from "./where.js";

const MOST_KEYS = 1000;
const MOST_HEADERS = 100;
/** So much is looked at without a break, in bytes. */
const SLICE_BYTES = 128 * 1024;
/** After so long everything else in the process has its turn, in milliseconds. */
const TURN_MS = 10;
/** How long one slice may take that takes a thousandth of it as a rule, in milliseconds; large records have longer. */
const SLICE_MS = 1000;
const BYTES_PER_MS = 10_000;

interface HeaderCondition {
  readonly name: Buffer;
  readonly value: Buffer;
}

/** The filter that a request asks for; undefined: none. Tells `wrong` of everything that is wrong with it. */
export function filterOf(
  { keys, headers, where }: Pick<FetchUnreadRequest, "keys" | "headers" | "where">,
  wrong: (field: string, problem: string) => void,
): RecordFilter | undefined {
  if (keys.length > MOST_KEYS) wrong("keys", `are ${keys.length}; there may be ${MOST_KEYS} at most`);
  for (const [i, key] of keys.entries()) {
    // An empty variable in somebody's script must not pass over everything there is.
    if (key === "") wrong(`keys[${i}]`, "is empty; name a key, or leave the list empty for all");
  }
  const names = Object.keys(headers);
  if (names.length > MOST_HEADERS) wrong("headers", `are ${names.length}; there may be ${MOST_HEADERS} at most`);
  if (names.includes("")) wrong("headers", "has an empty name; name a header");
  let condition: Where | undefined;
  try {
    if (where !== "") condition = new Where(where);
  } catch (error) {
    if (!(error instanceof WhereError)) throw error;
    wrong("where", error.message);
  }
  if (keys.length === 0 && names.length === 0 && condition === undefined) return undefined;
  return new RecordFilter(keys, headers, condition);
}

/**
 * Which records a fetch delivers. Keys and headers are compared as bytes, and only what passes there is parsed. What does not
 * pass counts as read, so reading goes on behind it.
 */
export class RecordFilter {
  /** Their bytes as latin1 text, which is one character for each. */
  readonly #keys: ReadonlySet<string>;
  readonly #headers: readonly HeaderCondition[];
  readonly #where: Where | undefined;

  constructor(keys: readonly string[], headers: Readonly<Record<string, string>>, where: Where | undefined) {
    this.#keys = new Set(keys.map((key) => Buffer.from(key).toString("latin1")));
    this.#headers = Object.entries(headers).map(([name, value]) => ({
      name: Buffer.from(name),
      value: Buffer.from(value),
    }));
    this.#where = where;
  }

  /**
   * What was fetched, without the records that do not pass. Gives way to others now and then. Throws INVALID_ARGUMENT for
   * a condition that takes seconds to evaluate.
   */
  async apply(fetched: readonly FetchedPartition[], signal: AbortSignal): Promise<readonly FetchedPartition[]> {
    const out: FetchedPartition[] = [];
    for (const answer of fetched) {
      out.push(answer.records.length === 0 ? answer : { ...answer, records: await this.#passing(answer, signal) });
    }
    return out;
  }

  async #passing(answer: FetchedPartition, signal: AbortSignal): Promise<StoredRecord[]> {
    const { records } = answer;
    const passed: StoredRecord[] = [];
    let begun = performance.now();
    for (let from = 0; from < records.length;) {
      let to = from;
      for (let bytes = 0; to < records.length && bytes < SLICE_BYTES; to += 1)
        bytes += sizeOf(records[to] as StoredRecord);
      const some = records.slice(from, to).filter((record) => this.#hasKey(record) && this.#hasHeaders(record));
      if (this.#where === undefined) passed.push(...some);
      else this.#evaluate(this.#where, some, passed, answer);
      from = to;
      if (performance.now() - begun < TURN_MS) continue;
      await turn();
      signal.throwIfAborted();
      begun = performance.now();
    }
    return passed;
  }

  #evaluate(
    where: Where,
    records: readonly StoredRecord[],
    passed: StoredRecord[],
    { topic, partition }: FetchedPartition,
  ): void {
    if (records.length === 0) return;
    let at = records[0]?.offset;
    const bytes = records.reduce((sum, { valueLength }) => sum + Math.max(0, valueLength), 0);
    const done = withinTime(SLICE_MS + Math.ceil(bytes / BYTES_PER_MS), () => {
      for (const record of records) {
        at = record.offset;
        if (where.passes(record.bytes, record.valueFrom, record.valueLength)) passed.push(record);
      }
    });
    if (done) return;
    const problem = `takes more than ${SLICE_MS} ms to evaluate at offset ${at} of ${topic}/${partition}; make it simpler`;
    throw invalidArgument([{ field: "where", problem }]);
  }

  #hasKey({ bytes, keyFrom, keyLength }: StoredRecord): boolean {
    if (this.#keys.size === 0) return true;
    return keyLength > 0 && this.#keys.has(bytes.toString("latin1", keyFrom, keyFrom + keyLength));
  }

  /** A header may come several times; one of them has to have the value. One without a value is one with an empty one. */
  #hasHeaders(record: StoredRecord): boolean {
    return this.#headers.every(({ name, value }) => {
      const walk = new VarintWalk(record.bytes, record.headersFrom);
      for (let i = 0; i < record.headerCount; i += 1) {
        const isIt = isNext(walk, walk.next(), name);
        const length = Math.max(0, walk.next());
        if (isNext(walk, length, value) && isIt) return true;
      }
      return false;
    });
  }
}

/** Passes over some bytes, and tells whether they are those that are wanted. */
function isNext(walk: VarintWalk, length: number, wanted: Buffer): boolean {
  const from = walk.at;
  walk.at += length;
  return length === wanted.length && wanted.compare(walk.bytes, from, from + length) === 0;
}

function sizeOf({ keyFrom, end }: StoredRecord): number {
  return end - keyFrom + 20;
}
