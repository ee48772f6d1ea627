import { DataReader } from "@apispool/contracts/apispool/v1/data_reader_pb.js";
import { RecordStore } from "@apispool/contracts/apispool/v1/record_store_pb.js";
import { WorkerControl } from "@apispool/contracts/apispool/v1/worker_control_pb.js";

/** What somebody may do. Undefined stands for "any". */
export interface Permissions {
  /** Methods as `Service/Method`, e.g. `DataReader/FetchUnread`. */
  readonly methods: ReadonlySet<string> | undefined;
  /** What the names of readers have to begin with. */
  readonly readers: readonly string[] | undefined;
  /** The names of sources. */
  readonly sources: readonly string[] | undefined;
}

/** For who may do everything. */
export const everything: Permissions = { methods: undefined, readers: undefined, sources: undefined };

const status = ["WorkerControl/GetStatus", "WorkerControl/WatchStatus"] as const;
const read = [
  ...status,
  "DataReader/FetchUnread",
  "DataReader/Acknowledge",
  "DataReader/GetReader",
  "DataReader/ListReaders",
  "DataReader/ListDeadLetters",
  "RecordStore/Query",
  "RecordStore/Get",
  "RecordStore/Count",
  "RecordStore/GetStoreStatus",
] as const;
const control = [
  ...status,
  "WorkerControl/Start",
  "WorkerControl/Stop",
  "WorkerControl/TrySource",
  "RecordStore/GetStoreStatus",
  "RecordStore/RebuildStore",
] as const;

/** Names for sets of methods. `admin` is every method, those that are added later included. */
export const groups: Readonly<Record<string, readonly string[] | undefined>> = {
  status,
  read,
  seek: ["DataReader/Seek"],
  control,
  admin: undefined,
};

/** Every method that can be allowed. */
export const methodNames: ReadonlySet<string> = new Set(
  [WorkerControl, DataReader, RecordStore].flatMap(({ name, methods }) =>
    methods.map((method) => `${name}/${method.name}`),
  ),
);

/** The methods that groups and method names stand for; undefined: all. What is unknown is told to `wrong`. */
export function methodsOf(
  allow: readonly string[],
  wrong: (index: number, problem: string) => void,
): ReadonlySet<string> | undefined {
  const methods = new Set<string>();
  let all = false;
  for (const [index, name] of allow.entries()) {
    if (Object.hasOwn(groups, name)) {
      const group = groups[name];
      if (group === undefined) all = true;
      for (const method of group ?? []) methods.add(method);
    } else if (methodNames.has(name)) methods.add(name);
    else {
      const known = `${Object.keys(groups).join(", ")}, or a method such as DataReader/FetchUnread`;
      wrong(index, `is ${JSON.stringify(name)}; it must be one of ${known}`);
    }
  }
  return all ? undefined : methods;
}

export function mayCall({ methods }: Permissions, method: string): boolean {
  return methods?.has(method) ?? true;
}

export function mayUseReader({ readers }: Permissions, name: string): boolean {
  return readers?.some((prefix) => name.startsWith(prefix)) ?? true;
}

export function mayUseSource({ sources }: Permissions, name: string): boolean {
  return sources?.includes(name) ?? true;
}
