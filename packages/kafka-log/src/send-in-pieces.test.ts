import { once } from "node:events";
import { createRequire } from "node:module";
import net, { type AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { logLevel } from "kafkajs";
import { type Broker, type Connection, type ProduceOptions, produceCall } from "./kafkajs-internals.js";
import { quick } from "./quick-broker.js";
import { ResponseAssembler } from "./response-assembler.js";
import { sendInPieces } from "./send-in-pieces.js";

const require = createRequire(import.meta.url);
const { createLogger } = require("kafkajs/src/loggers") as { createLogger: (options: object) => unknown };
const ConnectionClass = require("kafkajs/src/network/connection") as new (options: object) => Connection & {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
};
const produceVersions = require("kafkajs/src/protocol/requests/produce") as {
  protocol: (options: { version: number }) => (options: ProduceOptions) => ReturnType<typeof produceCall>;
};
const CORRELATION_ID_AT = 8;
// Its client id is as long as this: length, API key, API version, correlation id, length of the name, "pieces".
const HEAD_BYTES = 4 + 2 + 2 + 4 + 2 + 6;

/** Answers every request with nothing written and no throttling; keeps what came. */
class Server {
  readonly frames: Buffer[] = [];
  mute = false;
  readonly #server = net.createServer((socket) => {
    const requests = new ResponseAssembler((frame) => {
      this.frames.push(frame);
      if (this.mute) socket.destroy();
      else socket.write(answerTo(frame));
    });
    socket.on("data", (data) => requests.push(data)).on("error", () => undefined);
  });

  async listen(): Promise<number> {
    await once(this.#server.listen(0, "127.0.0.1"), "listening");
    return (this.#server.address() as AddressInfo).port;
  }

  close(): void {
    this.#server.close();
  }
}

function answerTo(frame: Buffer): Buffer {
  const answer = Buffer.alloc(16);
  answer.writeInt32BE(12, 0);
  frame.copy(answer, 4, CORRELATION_ID_AT, CORRELATION_ID_AT + 4);
  return answer;
}

let server: Server;
let connection: InstanceType<typeof ConnectionClass>;
let broker: Broker;

beforeEach(async () => {
  server = new Server();
  const port = await server.listen();
  connection = new ConnectionClass({
    host: "127.0.0.1",
    port,
    clientId: "pieces",
    requestTimeout: 10_000,
    connectionTimeout: 5000,
    logger: createLogger({ level: logLevel.NOTHING, logCreator: () => () => undefined }),
    socketFactory: ({ host, port: at, onConnect }: { host: string; port: number; onConnect: () => void }) =>
      net.connect({ host, port: at }, onConnect),
  });
  await connection.connect();
  broker = {
    lookupRequest: (_key: number, versions: typeof produceVersions) => versions.protocol({ version: 7 }),
    addPartitionsToTxn: async () => undefined,
    produce: async () => undefined,
    disconnect: async () => connection.disconnect(),
    connectionPool: { getConnectionByRequest: async () => connection },
  } as unknown as Broker;
});

afterEach(async () => {
  await connection.disconnect();
  server.close();
});

function produceOptions(value: Buffer): ProduceOptions {
  const message = { key: "k", value, timestamp: "1700000000000" };
  const partition = (number: number, count: number) => ({
    partition: number,
    firstSequence: 7,
    messages: Array.from({ length: count }, () => message),
  });
  return {
    acks: -1,
    timeout: 5000,
    transactionalId: "someone",
    producerId: "4294967301",
    producerEpoch: 3,
    topicData: [
      { topic: "records", partitions: [partition(0, 3), partition(4, 1)] },
      { topic: "none", partitions: [] },
      { topic: "state", partitions: [partition(0, 1)] },
      { topic: "none either", partitions: [] },
    ],
  };
}

describe("a request that goes out in pieces", () => {
  it("is what kafkajs would send, byte for byte, whatever was in the memory before", async () => {
    for (const bytes of [10, 400_000, 100_000]) {
      const options = produceOptions(Buffer.alloc(bytes, bytes % 251));
      await quick(broker).produce(options);
      await connection.send(produceCall(broker, options));
      const [ours, theirs] = server.frames.splice(0);
      expect(ours?.subarray(HEAD_BYTES).equals(theirs?.subarray(HEAD_BYTES) ?? Buffer.alloc(0))).toBe(true);
      const id = (frame?: Buffer): number => frame?.readInt32BE(CORRELATION_ID_AT) ?? Number.NaN;
      expect(id(theirs)).toBe(id(ours) + 1);
    }
  });

  it("frees its pieces when it has been answered, and never when it has not", async () => {
    const { request, ...rest } = produceCall(broker, produceOptions(Buffer.alloc(1)));
    let freed = 0;
    const call = { ...rest, request, pieces: [Buffer.alloc(300_000)], onFree: () => (freed += 1) };
    await sendInPieces(broker, call);
    expect(freed).toBe(1);
    server.mute = true;
    await expect(sendInPieces(broker, call)).rejects.toThrow("Closed connection");
    expect(freed).toBe(1);
  });

  it("is refused where kafkajs writes something else than it did", async () => {
    const { request, ...rest } = produceCall(broker, produceOptions(Buffer.alloc(1)));
    const other = Object.assign(Object.create(connection) as Connection, {
      async send(this: Connection) {
        this.socket.write("a request");
      },
    });
    const changed = { ...broker, connectionPool: { getConnectionByRequest: async () => other } } as unknown as Broker;
    await expect(sendInPieces(changed, { ...rest, request, pieces: [Buffer.alloc(9)] })).rejects.toThrow(
      "kafkajs is another than the one that is pinned",
    );
    expect(server.frames).toEqual([]);
  });
});
