import type http2 from "node:http2";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { CountBucket, RecordOrder, RecordStore } from "@apispool/contracts/apispool/v1/record_store_pb.js";
import { Health } from "@apispool/contracts/health/v1/health_pb.js";
import { rawCall } from "../follow/raw-call.js";
import { connect } from "../follow/raw-stream.js";
import type { QueryLatency } from "../report/store-report.js";

// node questions-main.js ADDRESS SOURCE RECORDS: asks the store one question after the other, and tells how long each took.
const [address = "", source = "", count = ""] = process.argv.slice(2);
const records = Number(count);
/** Of the first record; a second passes from one to the next. */
const FIRST_EVENT_MS = 1_700_000_000_000;

async function latencies(session: http2.ClientHttp2Session): Promise<QueryLatency[]> {
  const { query, get } = RecordStore.method;
  const any = (below: number): number => Math.floor(Math.random() * below);
  const page = async (init: MessageInitShape<typeof query.input>): Promise<number> => {
    const { ms, bytes } = await rawCall(session, query, { limit: 100n, ...init });
    // Less than a record.
    if (bytes < 200) throw new Error("a question found nothing");
    return ms;
  };
  const from = (): { from: ReturnType<typeof timestampFromMs>; to: ReturnType<typeof timestampFromMs> } => {
    const ms = FIRST_EVENT_MS + any(records) * 1000;
    return { from: timestampFromMs(ms), to: timestampFromMs(ms + 3_600_000) };
  };
  const asked: readonly (readonly [string, number, number | undefined, () => Promise<number>])[] = [
    [
      "nothing (grpc.health.v1.Health/Check), for comparison",
      2000,
      undefined,
      async () => (await rawCall(session, Health.method.check, {})).ms,
    ],
    ["by id", 2000, 2, async () => (await rawCall(session, get, { source, id: `record-${any(records)}` })).ms],
    [
      "an hour of event time, first page",
      1000,
      20,
      async () => page({ filter: { eventTime: from() }, order: RecordOrder.EVENT_DESC }),
    ],
    ["the newest, first page", 1000, 20, async () => page({})],
    [
      "an hour of event time, by when it was written",
      200,
      undefined,
      async () => page({ filter: { eventTime: from() } }),
    ],
    [
      "a condition on the value, 10 records",
      20,
      undefined,
      async () => page({ limit: 10n, filter: { where: `n >= ${any(records / 2)} and text != null` } }),
    ],
    [
      "counted by day",
      10,
      undefined,
      async () => (await rawCall(session, RecordStore.method.count, { bucket: CountBucket.DAY, time: 2 })).ms,
    ],
  ];
  const found: QueryLatency[] = [];
  for (const [what, times, goal, ask] of asked) {
    for (let i = 0; i < Math.min(100, times); i += 1) await ask();
    const took: number[] = [];
    for (let i = 0; i < times; i += 1) took.push(await ask());
    took.sort((a, b) => a - b);
    const at = (share: number): number =>
      took[Math.min(took.length - 1, Math.floor(took.length * share))] ?? Number.NaN;
    found.push({ what, p50: at(0.5), p99: at(0.99), ...(goal === undefined ? {} : { goal }) });
  }
  return found;
}

const session = await connect(address);
const found = await latencies(session);
session.destroy();
process.send?.(found, () => process.exit(0));
