import { type Collection, type Db, type IndexDescription, MongoServerError } from "mongodb";
import type { RecordDocument } from "./record-document.js";

/** Which collections there are: those that answer, and maybe those that are being built. */
export interface GenerationsDocument {
  readonly _id: "generations";
  readonly current: number;
  readonly building?: number;
  /** Those that answered before, since when. They are kept for a moment: another process may be just looking something up. */
  readonly retired?: { readonly generation: number; readonly at: Date };
}

export interface PositionDocument {
  readonly _id: string;
  readonly source: string;
  readonly partition: number;
  readonly topicId: string;
  readonly nextOffset: number;
}

export interface GapDocument {
  readonly _id: string;
  readonly source: string;
  readonly partition: number;
  readonly topicId: string;
  readonly fromOffset: number;
  readonly toOffset: number;
  readonly reason: "expired" | "truncated" | "unreadable";
  readonly detail: string;
}

export interface RemovalDocument {
  readonly _id: string;
  readonly source: string;
  readonly partition: number;
  readonly beforeOffset: number;
  readonly beforeMs: number;
}

export interface Generation {
  readonly number: number;
  readonly records: Collection<RecordDocument>;
  readonly positions: Collection<PositionDocument>;
  readonly gaps: Collection<GapDocument>;
  readonly removals: Collection<RemovalDocument>;
}

const kinds = ["records", "positions", "gaps", "removals"] as const;
const GRACE_MS = 60_000;
const NAMESPACE_NOT_FOUND = 26;

/** Both orders with what breaks ties, of one source and of all; versions of a thing, newest first. */
const indexes: readonly IndexDescription[] = [
  { key: { ingested: 1, source: 1, partition: 1, offset: 1 }, name: "ingested" },
  { key: { source: 1, ingested: 1, partition: 1, offset: 1 }, name: "source_ingested" },
  { key: { event: 1, source: 1, partition: 1, offset: 1 }, name: "event" },
  { key: { source: 1, event: 1, partition: 1, offset: 1 }, name: "source_event" },
  { key: { id: 1, source: 1, ingested: -1, partition: -1, offset: -1 }, name: "id" },
];

export class Generations {
  readonly #db: Db;
  readonly #meta: Collection<GenerationsDocument>;

  constructor(db: Db) {
    this.#db = db;
    this.#meta = db.collection<GenerationsDocument>("meta");
  }

  at(number: number): Generation {
    const [records, positions, gaps, removals] = kinds.map((kind) => this.#db.collection(`${kind}_${number}`));
    return { number, records, positions, gaps, removals } as unknown as Generation;
  }

  /** Asked for every piece of work, so that another process's rebuild is noticed. */
  async read(): Promise<GenerationsDocument> {
    return (await this.#meta.findOne({ _id: "generations" })) ?? { _id: "generations", current: 1 };
  }

  async ensure(): Promise<void> {
    await this.#meta.updateOne({ _id: "generations" }, { $setOnInsert: { current: 1 } }, { upsert: true });
    const { current } = await this.read();
    await this.#index(this.at(current));
  }

  async begin(): Promise<Generation> {
    const { current, building, retired } = await this.read();
    // A number is never used twice, so whoever still writes to an older one harms nothing.
    const next = Math.max(current, building ?? 0, retired?.generation ?? 0) + 1;
    const generation = this.at(next);
    await this.#index(generation);
    await this.#meta.updateOne({ _id: "generations" }, { $set: { building: next } });
    if (building !== undefined) await this.#drop(building);
    return generation;
  }

  async finish(): Promise<void> {
    const { current, building, retired } = await this.read();
    if (building === undefined) return;
    await this.#meta.updateOne(
      { _id: "generations", building },
      { $set: { current: building, retired: { generation: current, at: new Date() } }, $unset: { building: "" } },
    );
    if (retired !== undefined) await this.#drop(retired.generation);
  }

  /** Removes what answered before, once nobody can be looking something up in it. */
  async tidy(): Promise<void> {
    const { retired } = await this.read();
    if (retired === undefined || Date.now() - retired.at.getTime() < GRACE_MS) return;
    await this.#drop(retired.generation);
    await this.#meta.updateOne(
      { _id: "generations", "retired.generation": retired.generation },
      { $unset: { retired: "" } },
    );
  }

  async #drop(number: number): Promise<void> {
    for (const kind of kinds) await this.#db.collection(`${kind}_${number}`).drop();
  }

  /** Makes what is not there yet. (FerretDB 1.24 ends the connection where some of them are.) */
  async #index({ records, positions, gaps }: Generation): Promise<void> {
    for (const [collection, wanted] of [
      [records, indexes],
      [positions, []],
      [gaps, [{ key: { source: 1, partition: 1, toOffset: 1 }, name: "place" }]],
    ] as const) {
      const there = await indexNames(collection as unknown as Collection);
      const missing = wanted.filter(({ name }) => !there.has(name ?? ""));
      for (const index of missing) await collection.createIndexes([index]);
    }
  }
}

async function indexNames(collection: Collection): Promise<ReadonlySet<string>> {
  try {
    return new Set((await collection.listIndexes().toArray()).map(({ name }) => String(name)));
  } catch (error) {
    if (error instanceof MongoServerError && error.code === NAMESPACE_NOT_FOUND) return new Set();
    throw error;
  }
}
