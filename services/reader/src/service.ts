import { Code } from "@connectrpc/connect";
import type { DataReader } from "@apispool/contracts/apispool/v1/data_reader_pb.js";
import { invalidArgument, rpcError } from "@apispool/common/errors.js";
import type { Implementation } from "@apispool/common/grpc-server.js";
import type { LogReader } from "@apispool/kafka-log/log-reader.js";
import type { Acknowledger } from "./acknowledger.js";
import type { DeadLetters } from "./dead-letters.js";
import { fetchSpec } from "./fetch-request.js";
import type { Catalogue } from "@apispool/kafka-log/catalogue.js";
import type { Fetcher } from "./fetcher.js";
import type { Positions } from "./positions.js";
import { readerName } from "./reader-name.js";
import { seekTargets } from "./seeker.js";
import type { Sessions } from "./sessions.js";
import { type StandingReport, toPosition } from "./standing-report.js";
import { type Tenures, movedError } from "./tenure.js";

export interface DataReaderOptions {
  readonly log: LogReader;
  readonly fetcher: Fetcher;
  readonly acknowledger: Acknowledger;
  readonly positions: Positions;
  readonly catalogue: Catalogue;
  readonly sessions: Sessions;
  readonly tenures: Tenures;
  readonly report: StandingReport;
  readonly deadLetters: DeadLetters;
  readonly busyWaitMs: number;
}

/** How many readers are looked at side by side. */
const AT_A_TIME = 8;

/** The DataReader service. */
export function dataReader(options: DataReaderOptions): Implementation<(typeof DataReader)["method"]> {
  const { log, fetcher, acknowledger, positions, catalogue, sessions, tenures, report, deadLetters, busyWaitMs } =
    options;
  return {
    fetchUnread: (request, context) =>
      // What is in its wire form already is sent as it is.
      fetcher.fetch(fetchSpec(request), context) as AsyncIterable<never>,
    async acknowledge(request, { signal }) {
      const reader = readerName(request.reader);
      if (request.cursor === "")
        throw invalidArgument([{ field: "cursor", problem: "is missing; FetchUnread gives it" }]);
      const { changed, places } = await acknowledger.acknowledge(reader, request.cursor, "cursor", signal);
      return { changed, positions: places.map(toPosition) };
    },
    async seek(request, { signal, requestId }) {
      const reader = readerName(request.reader);
      const session = await sessions.hold(reader, { requestId, follow: false }, busyWaitMs, signal);
      try {
        const entry = { session, follow: false, busyWaitMs, signal };
        const { standing, tenure } = await tenures.enter(reader, entry, async () =>
          positions.open(reader, "earliest", signal),
        );
        const targets = await seekTargets(request, reader, standing.places, { log, positions, catalogue }, signal);
        await tenure.sure();
        if (!(await positions.set(reader, targets, tenure.sendBy, signal))) throw movedError(reader);
        return { positions: targets.map(toPosition) };
      } finally {
        session.release();
      }
    },
    async getReader(request, { signal }) {
      const reader = readerName(request.reader);
      const standing = await positions.find(reader, signal);
      if (standing.isNew) throw unknownReader(reader);
      return { reader: await report.of(reader, standing, signal) };
    },
    async listReaders(_request, { signal }) {
      const names = await positions.readers(signal);
      const readers: Awaited<ReturnType<StandingReport["of"]>>[] = [];
      for (let from = 0; from < names.length; from += AT_A_TIME) {
        const some = names.slice(from, from + AT_A_TIME).map(async (name) => {
          const standing = await positions.find(name, signal);
          return await report.of(name, standing, signal);
        });
        readers.push(...(await Promise.all(some)));
      }
      return { readers };
    },
    listDeadLetters: async (request, { signal }) => deadLetters.list(request, signal),
    async deleteReader(request, { signal, requestId }) {
      if (request.reader === "") {
        throw invalidArgument([{ field: "reader", problem: 'is missing; it must be named, be it "default"' }]);
      }
      const reader = readerName(request.reader);
      const session = await sessions.hold(reader, { requestId, follow: false }, busyWaitMs, signal);
      try {
        // Before it is claimed: that alone would make it one.
        if ((await positions.find(reader, signal)).isNew) throw unknownReader(reader);
        const entry = { session, follow: false, busyWaitMs, signal };
        const { standing, tenure } = await tenures.enter(reader, entry, async () => positions.find(reader, signal));
        await tenure.sure();
        if (standing.isNew || !(await positions.forget(reader, tenure.sendBy, signal))) throw unknownReader(reader);
        return {};
      } finally {
        session.release();
      }
    },
  };
}

function unknownReader(reader: string): Error {
  return rpcError(Code.NotFound, "UNKNOWN_READER", `there is no reader "${reader}": it has never fetched`, {
    metadata: { reader },
  });
}
