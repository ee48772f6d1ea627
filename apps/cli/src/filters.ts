import { InvalidArgumentError, Option } from "@commander-js/extra-typings";

/** Which records are wanted, as FetchUnread has it. */
export interface Filters {
  readonly keys: string[];
  readonly headers: Record<string, string>;
  readonly where: string;
}

export const keyOption = () => new Option("-k, --key <key...>", "only records with one of these Kafka keys");

export const headerOption = () =>
  new Option("-H, --header <name=value...>", "only records that have all of these Kafka headers").argParser(
    parseHeader,
  );

export const whereOption = () =>
  new Option("--where <jmespath>", "only records for whose data this is true, such as 'mag > `4`'");

export interface FilterOptions {
  readonly key?: string[] | undefined;
  readonly header?: Record<string, string> | undefined;
  readonly where?: string | undefined;
}

/** The filters of a request. */
export function filtersOf({ key = [], header = {}, where = "" }: FilterOptions): Filters {
  return { keys: key, headers: header, where };
}

export function isFiltered({ keys, headers, where }: Filters): boolean {
  return keys.length > 0 || Object.keys(headers).length > 0 || where !== "";
}

function parseHeader(text: string, before: Record<string, string> | undefined): Record<string, string> {
  const [, name, value] = /^([^=]+)=([^]*)$/.exec(text) ?? [];
  if (name === undefined || value === undefined) {
    throw new InvalidArgumentError("It must be a name and a value, such as ce_type=created.");
  }
  return { ...before, [name]: value };
}
