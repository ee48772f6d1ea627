import type { Filter, Sort } from "mongodb";
import type { Keyset, StoreOrder, TimeRange } from "../store.js";
import type { RecordDocument } from "./record-document.js";

type Query = Filter<RecordDocument>;

export function sortOf({ by, descending }: StoreOrder): Sort {
  const direction = descending ? -1 : 1;
  return { [by]: direction, source: direction, partition: direction, offset: direction };
}

/** A range of a time; of event times it is always said, because documents without one are in the index, too. */
export function timeFilter(by: StoreOrder["by"], { from, to }: TimeRange, always: boolean): Query[] {
  const bounds = {
    ...(from === undefined ? {} : { $gte: new Date(from) }),
    ...(to === undefined ? {} : { $lt: new Date(to) }),
  };
  if (Object.keys(bounds).length > 0) return [{ [by]: bounds }];
  return always && by === "event" ? [{ event: { $exists: true } }] : [];
}

/** What lies behind a place in an order. The first condition says to the index where to begin. */
export function afterFilter({ by, descending }: StoreOrder, place: Keyset): Query {
  return beside(by, place, descending ? "$lt" : "$gt", false);
}

/** What lies before a place in an order, and what is there. */
export function upToFilter({ by, descending }: StoreOrder, place: Keyset): Query {
  return beside(by, place, descending ? "$gt" : "$lt", true);
}

function beside(by: StoreOrder["by"], place: Keyset, than: "$lt" | "$gt", included: boolean): Query {
  const { timeMs, source, partition, offset } = place;
  const time = new Date(timeMs);
  const last = included ? `${than}e` : than;
  return {
    [by]: { [`${than}e`]: time },
    $or: [
      { [by]: { [than]: time } },
      { [by]: time, source: { [than]: source } },
      { [by]: time, source, partition: { [than]: partition } },
      { [by]: time, source, partition, offset: { [last]: offset } },
    ],
  };
}
