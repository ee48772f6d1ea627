import type { FetchUnreadRequest } from "@apispool/contracts/apispool/v1/data_reader_pb.js";
import type { Batch } from "../batch.js";
import type { Fetching, Recipient } from "../delivery.js";
import type { Room } from "./stalled.js";

/** After how long of silence a fetch has nothing in memory, in milliseconds: one that waits for records to come, and one that does not. */
const quietMs = { waits: 100, reads: 2000 };

/** Opens the stream behind a fetch only where there is room for what it brings; see `StalledAnswers`. */
export function boundedFetching(fetching: Fetching): Fetching {
  return {
    fetch: (request, recipient) =>
      recipient.room === undefined
        ? fetching.fetch(request, recipient)
        : bounded(fetching, request, recipient, recipient.room),
  };
}

async function* bounded(
  fetching: Fetching,
  request: FetchUnreadRequest,
  recipient: Recipient,
  room: Room,
): AsyncGenerator<Batch, void, undefined> {
  const waits = request.follow || request.wait !== undefined;
  try {
    const admitted = room.enter(recipient.signal, waits ? quietMs.waits : quietMs.reads, waits);
    if (admitted !== undefined) await admitted;
    room.asks();
    for await (const batch of fetching.fetch(request, recipient)) {
      room.got();
      yield batch;
      room.asks();
    }
  } finally {
    room.leave();
  }
}
