import type { Reader } from "@apispool/contracts/apispool/v1/data_reader_pb.js";
import { countJson, positionJson } from "@apispool/gateway/data-text.js";
import type { Paint } from "./colours.js";
import { printable } from "./printable.js";
import { fromNow, isoTime } from "./times.js";

export const readerHead = (paint: Paint): string[] =>
  ["READER", "UNREAD", "OLDEST", "ACTIVE"].map((text) => paint("dim", text));

/** A reader's row; an estimate is marked. */
export function readerCells(reader: Reader, paint: Paint, now: number): string[] {
  const { name, unread, unreadIsEstimate, oldestUnreadAt, lastActivityAt } = reader;
  return [
    paint("bold", printable(name)),
    `${unreadIsEstimate ? "~" : ""}${unread}`,
    fromNow(oldestUnreadAt, now),
    fromNow(lastActivityAt, now),
  ];
}

/** A reader as `GET /data/readers/{name}` gives it. */
export function readerJson({ name, positions, unread, unreadIsEstimate, oldestUnreadAt, lastActivityAt }: Reader) {
  return {
    name,
    positions: positions.map(positionJson),
    unread: countJson(unread),
    unreadIsEstimate,
    oldestUnreadAt: isoTime(oldestUnreadAt),
    lastActivityAt: isoTime(lastActivityAt),
  };
}
