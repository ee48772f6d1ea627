import { Code, ConnectError, createClient, type Client } from "@connectrpc/connect";
import { Http2SessionManager, createGrpcTransport } from "@connectrpc/connect-node";
import { AckMode, DataReader, type FetchUnreadResponse } from "@apispool/contracts/apispool/v1/data_reader_pb.js";
import { readVersion } from "../versions.js";
import { ReadingClient, why } from "./reading-client.js";
import type { Call, Received, Recorder } from "./recorder.js";

const LIMIT = 5000n;
const WAIT = { seconds: 1n };

/** What asking again does not help against. */
const lasting = new Set([
  Code.InvalidArgument,
  Code.NotFound,
  Code.AlreadyExists,
  Code.PermissionDenied,
  Code.FailedPrecondition,
  Code.OutOfRange,
  Code.Unimplemented,
  Code.DataLoss,
  Code.Unauthenticated,
]);

abstract class GrpcClient extends ReadingClient {
  readonly #base: string;
  #session: Http2SessionManager;
  protected client: Client<typeof DataReader>;

  constructor(base: string, name: string, recorder: Recorder) {
    super(name, recorder);
    this.#base = base;
    [this.#session, this.client] = this.#connect();
  }

  override vanish(): void {
    // The connection with it, without a word.
    super.vanish();
    this.#session.abort();
    [this.#session, this.client] = this.#connect();
  }

  protected override close(): void {
    this.#session.abort();
  }

  protected async read(answers: AsyncIterable<FetchUnreadResponse>, call: Call, signal: AbortSignal): Promise<string> {
    let newest = "";
    try {
      for await (const { records, gaps, cursor } of answers) {
        const all = records.map((record): Received => {
          const text = String(record.payload.value);
          const { n, id } = readVersion(text) ?? { n: -1, id: -1 };
          const found = { source: record.source, offset: Number(record.offset), n };
          this.recorder.check(this.name, found, id, text);
          return found;
        });
        const told = gaps.map(({ source, fromOffset, toOffset, reason }) => ({
          source,
          from: Number(fromOffset),
          to: Number(toOffset),
          reason: String(reason),
        }));
        call.batch(all, told);
        if (cursor !== "") newest = cursor;
      }
      call.end("whole");
      return newest;
    } catch (error) {
      const { code } = ConnectError.from(error);
      call.end(lasting.has(code) && !signal.aborted ? "refused" : "broken", `${Code[code]}: ${why(error, signal)}`);
      throw error;
    }
  }

  #connect(): [Http2SessionManager, Client<typeof DataReader>] {
    const sessionManager = new Http2SessionManager(this.#base);
    return [sessionManager, createClient(DataReader, createGrpcTransport({ baseUrl: this.#base, sessionManager }))];
  }
}

export class GrpcAuto extends GrpcClient {
  protected override async readOnce(signal: AbortSignal): Promise<void> {
    const call = this.recorder.fetch(this.name, "auto");
    await this.read(this.client.fetchUnread({ reader: this.name, limit: LIMIT, wait: WAIT }, { signal }), call, signal);
  }
}

export class GrpcManual extends GrpcClient {
  protected override async readOnce(signal: AbortSignal): Promise<void> {
    const call = this.recorder.fetch(this.name, "manual");
    const request = { reader: this.name, limit: LIMIT, wait: WAIT, ack: AckMode.MANUAL };
    const cursor = await this.read(this.client.fetchUnread(request, { signal }), call, signal);
    if (cursor === "") return;
    await this.client.acknowledge({ reader: this.name, cursor }, { signal });
    this.recorder.acked(this.name, call.upTo);
  }
}

/** A live tail: each batch counts as read when a PING behind it was answered. */
export class GrpcTail extends GrpcClient {
  protected override get patienceMs(): number {
    return 2 ** 31 - 1;
  }

  protected override async readOnce(signal: AbortSignal): Promise<void> {
    const call = this.recorder.fetch(this.name, "tail");
    await this.read(this.client.fetchUnread({ reader: this.name, follow: true }, { signal }), call, signal);
  }
}
