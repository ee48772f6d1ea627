import type { WorkerControl } from "@apispool/contracts/apispool/v1/worker_control_pb.js";
import type { Implementation } from "@apispool/common/grpc-server.js";
import type { SourceSet } from "./control/source-set.js";
import { invalidArgument } from "@apispool/common/errors.js";
import { DEFAULT_RECORDS } from "./try/try-source.js";
import type { SourceMaker } from "./worker/source-maker.js";

/** One answer holds so many. */
const MOST_RECORDS = 10_000;

/** The WorkerControl service over the sources. */
export function workerControl(
  sources: SourceSet,
  maker: SourceMaker,
): Implementation<(typeof WorkerControl)["method"]> {
  return {
    async start(request, { requestId }) {
      return { sources: await sources.want("STARTED", request.sources, requestId) };
    },
    async stop(request, { requestId }) {
      return { sources: await sources.want("STOPPED", request.sources, requestId) };
    },
    async getStatus(request) {
      return { sources: await sources.newest(request.sources) };
    },
    async *watchStatus(request, { signal }) {
      for await (const statuses of sources.watch(request.sources, signal)) yield { sources: statuses };
    },
    async trySource({ source, maxPages, maxRecords }, { signal }) {
      if (source === "") {
        throw invalidArgument([{ field: "source", problem: `is missing; known: ${sources.names.join(", ")}` }]);
      }
      sources.resolve([source]);
      const config = sources.config(source);
      if (config === undefined) throw new Error("a source without its configuration");
      return await maker.try(config, {
        maxPages: maxPages === 0 ? 1 : maxPages,
        maxRecords: maxRecords === 0 ? DEFAULT_RECORDS : Math.min(maxRecords, MOST_RECORDS),
        signal,
      });
    },
  };
}
