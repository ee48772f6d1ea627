import type { WorkerControl } from "@apispool/contracts/apispool/v1/worker_control_pb.js";
import type { Implementation } from "@apispool/common/grpc-server.js";
import type { SourceSet } from "./control/source-set.js";
import type { SourceMaker } from "./worker/source-maker.js";

/** The WorkerControl service over the sources. */
export function workerControl(sources: SourceSet, _maker: SourceMaker): Implementation<(typeof WorkerControl)["method"]> {
  return {
    async start(request, { requestId }) {
      return { sources: await sources.want("STARTED", request.sources, requestId) };
    },
    async stop(request, { requestId }) {
      return { sources: await sources.want("STOPPED", request.sources, requestId) };
    },
    getStatus(request) {
      return { sources: sources.statuses(request.sources) };
    },
    async *watchStatus(request, { signal }) {
      for await (const statuses of sources.watch(request.sources, signal)) yield { sources: statuses };
    },
    async trySource() {
      throw new Error("not yet");
    },
  };
}
