import type {
  CountKey,
  CountRow,
  Keyset,
  Slice,
  StoreFilter,
  StoreGap,
  StoreOrder,
  StorePosition,
  StoreRead,
  StoreRemoval,
} from "../store.js";
import type { PackedRows } from "./packed-rows.js";

/** Which of two generations is written to. */
export type Target = "current" | "building";

/** What a thread does: the one that writes the first of them, those that read the others. */
export interface Operations {
  open(): void;
  positions(target: Target): { readonly generation: number; readonly positions: readonly StorePosition[] };
  write(
    target: Target,
    /** Whose positions were read; undefined: none were. */
    generation: number | undefined,
    rows: PackedRows,
    positions: readonly StorePosition[],
    gaps: readonly StoreGap[],
    removals: readonly StoreRemoval[],
  ): void;
  removeBefore(target: Target, generation: number | undefined, source: string, beforeMs: number, limit: number): number;
  forget(target: Target, source: string): void;
  isBuilding(): boolean;
  beginRebuild(): void;
  finishRebuild(): void;

  ping(): void;
  query(
    filter: StoreFilter,
    order: StoreOrder,
    after: Keyset | undefined,
    slice: Slice,
  ): { readonly rows: PackedRows; readonly scanned: number; readonly next: Keyset | undefined };
  versions(
    source: string,
    id: string,
    limit: number,
    maxBytes: number,
  ): { readonly rows: PackedRows; readonly more: boolean };
  count(
    filter: StoreFilter,
    key: CountKey,
    after: Keyset | undefined,
    scan: number,
  ): { readonly counts: readonly CountRow[]; readonly scanned: number; readonly next: Keyset | undefined };
  removals(): readonly StoreRemoval[];
  sizes(): readonly { readonly source: string; readonly records: number }[];
  read(
    source: string,
    partition: number,
    fromOffset: number,
    maxBytes: number,
  ): Omit<StoreRead, "rows"> & { readonly rows: PackedRows };
}

export type Operation = keyof Operations;

export interface WorkerData {
  readonly folder: string;
  readonly role: "writer" | "reader";
}

export interface Request {
  readonly call: number;
  readonly operation: Operation;
  readonly input: readonly unknown[];
}

export type Reply =
  | { readonly call: number; readonly output: unknown }
  | { readonly call: number; readonly failure: { readonly message: string; readonly code: string } };
