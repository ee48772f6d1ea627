import { type Client, Code, type ConnectError } from "@connectrpc/connect";
import { RecordStore } from "@apispool/contracts/apispool/v1/record_store_pb.js";
import { rpcError } from "@apispool/common/errors.js";
import type { Upstream } from "./upstream.js";

/** Stands for the store where none is switched on: every call says how to switch one on. */
export const storeOff: Upstream<typeof RecordStore> = {
  name: "store",
  address: "",
  client: Object.fromEntries(
    RecordStore.methods.map((method) => [
      method.localName,
      method.methodKind === "unary"
        ? async () => Promise.reject(isOff())
        : // eslint-disable-next-line require-yield -- it has nothing to give but its error
          async function* off() {
            throw isOff();
          },
    ]),
  ) as unknown as Client<typeof RecordStore>,
  openStream: () => {
    throw isOff();
  },
  close: () => {},
};

function isOff(): ConnectError {
  return rpcError(
    Code.Unimplemented,
    "STORE_OFF",
    "no store is switched on, so that records can be read but not queried; `STORE=sqlite npm start` switches one on, " +
      "and STORE_ADDRESS tells a gateway of its own where it is (docs/records.md)",
    { metadata: { setting: "STORE_ADDRESS" } },
  );
}
