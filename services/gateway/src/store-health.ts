import { RecordStore } from "@apispool/contracts/apispool/v1/record_store_pb.js";
import type { HealthState } from "@apispool/common/health.js";
import type { Logger } from "@apispool/common/logger.js";
import { PeerWatch } from "./peer-watch.js";
import type { Connection } from "./upstream.js";

/** Tells of the store's health, on which the gateway's own does not depend: reading and control go on without it. */
export function watchStore(store: Connection<typeof RecordStore>, health: HealthState, log: Logger): PeerWatch {
  return new PeerWatch({
    connection: store,
    onChange: ({ state, problem }, before) => {
      health.setApart(RecordStore.typeName, state === "serving");
      if (problem === undefined) log.info("the store is ready");
      else if (before === "serving" || before === "unasked") log.warn(problem);
    },
  });
}
