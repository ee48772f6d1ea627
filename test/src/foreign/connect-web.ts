import { type DescMessage, type MessageShape, toJson } from "@bufbuild/protobuf";
import { ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-web";
import { DataReader, FetchUnreadResponseSchema } from "@apispool/contracts/apispool/v1/data_reader_pb.js";
import {
  GetStatusResponseSchema,
  StartResponseSchema,
  WorkerControl,
} from "@apispool/contracts/apispool/v1/worker_control_pb.js";
import type { Told } from "./told.js";

/** Calls the gateway with @connectrpc/connect-web, in a browser or where else there is a fetch. */
export async function callWithConnectWeb(protocol: string, baseUrl: string, reader: string): Promise<Told[]> {
  const transport = protocol === "grpcweb" ? createGrpcWebTransport({ baseUrl }) : createConnectTransport({ baseUrl });
  const worker = createClient(WorkerControl, transport);
  const data = createClient(DataReader, transport);
  const told: Told[] = [];
  const tell = <Desc extends DescMessage>(call: Told["call"], schema: Desc, message: MessageShape<Desc>): void => {
    told.push({ call, message: toJson(schema, message) as Told["message"] });
  };
  tell("start", StartResponseSchema, await worker.start({}));
  tell("status", GetStatusResponseSchema, await worker.getStatus({}));
  try {
    await worker.start({ sources: ["nope"] });
  } catch (error) {
    // As other languages write its codes.
    const code = /^\[(\w+)\]/.exec(ConnectError.from(error).message)?.[1];
    told.push({ call: "unknown", error: code });
  }
  for (const call of ["first", "second"] as const) {
    for await (const batch of data.fetchUnread({ reader })) tell(call, FetchUnreadResponseSchema, batch);
  }
  return told;
}
