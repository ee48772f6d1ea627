import net from "node:net";

export interface RawOptions {
  readonly port: number;
  readonly request: string | Buffer;
  /** Take so many bytes off the socket and leave the rest in its buffers; absent: all. */
  readonly bytes?: number;
}

/** A client that reads exactly as much as it is told, so that closing it does what a dying process does. */
export class RawClient {
  readonly socket: net.Socket;
  readonly #taken: Buffer[] = [];
  #wanted: number;
  #onChange: () => void = () => {};
  #ended = false;
  #reset = false;

  constructor({ port, request, bytes = Number.POSITIVE_INFINITY }: RawOptions) {
    this.#wanted = bytes;
    const buffer = Buffer.alloc(bytes === Number.POSITIVE_INFINITY ? 65_536 : 1);
    this.socket = net.connect({
      port,
      host: "127.0.0.1",
      allowHalfOpen: true,
      onread: {
        buffer,
        callback: (count) => {
          this.#taken.push(Buffer.from(buffer.subarray(0, count)));
          this.#wanted -= count;
          this.#onChange();
          return this.#wanted > 0;
        },
      },
    });
    this.socket.on("end", () => {
      this.#ended = true;
      this.#onChange();
    });
    this.socket.on("error", () => {
      this.#reset = true;
      this.#onChange();
    });
    this.socket.once("connect", () => {
      if (bytes === 0) this.socket.pause();
    });
    this.socket.write(request);
  }

  get received(): Buffer {
    return Buffer.concat(this.#taken);
  }

  /** The server has ended its side. */
  get ended(): boolean {
    return this.#ended;
  }

  /** The server has reset the connection. */
  get wasReset(): boolean {
    return this.#reset;
  }

  /** Resolves when what was received so far is as wanted; fails when the connection is over before. */
  async until(enough: (received: Buffer) => boolean): Promise<Buffer> {
    while (!enough(this.received)) {
      if (this.#ended || this.#reset) throw new Error(`the connection ended after ${this.received.toString("latin1")}`);
      await new Promise<void>((resolve) => (this.#onChange = resolve));
    }
    return this.received;
  }

  /** Resolves once as many bytes have been read as were wanted. */
  async full(): Promise<Buffer> {
    return this.until(() => this.#wanted <= 0);
  }

  /** Resolves once the server has ended its side, one way or the other. */
  async over(): Promise<void> {
    while (!this.#ended && !this.#reset) await new Promise<void>((resolve) => (this.#onChange = resolve));
  }

  /** Closes as the end of a process does: FIN where everything was read, a reset where bytes are left unread. */
  die(): void {
    this.socket.destroy();
  }
}

/** A GET of HTTP/1.1. */
export function http1Get(path: string, headers = ""): string {
  return `GET ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\n${headers}\r\n`;
}

/** Whether a chunked HTTP/1.1 answer is there to its last byte, trailers included. */
export function isWholeChunked(received: Buffer): boolean {
  return /\r\n0\r\n(?:[^\r\n]+\r\n)*\r\n$/.test(received.toString("latin1"));
}

const literal = (text: string): number[] => [text.length, ...Buffer.from(text, "latin1")];

/** The bytes of an HTTP/2 connection with one request on it; header fields as HPACK literals, never indexed. */
export function http2Request(fields: Readonly<Record<string, string>>, body?: Uint8Array): Buffer {
  const block = Buffer.from(
    Object.entries(fields).flatMap(([name, value]) => [[0], literal(name), literal(value)].flat()),
  );
  const frame = (type: number, flags: number, stream: number, payload: Uint8Array): Buffer =>
    Buffer.from([0, payload.length >> 8, payload.length & 255, type, flags, 0, 0, 0, stream, ...payload]);
  return Buffer.concat([
    Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    frame(4, 0, 0, Buffer.alloc(0)),
    frame(1, body === undefined ? 5 : 4, 1, block),
    ...(body === undefined ? [] : [frame(0, 1, 1, body)]),
  ]);
}

/** A GET over HTTP/2. */
export function http2Get(path: string, headers: Readonly<Record<string, string>> = {}): Buffer {
  return http2Request({ ":method": "GET", ":scheme": "http", ":path": path, ":authority": "127.0.0.1", ...headers });
}

/** The answer to the server's first PING; undefined while there is none. */
export function pong(received: Buffer): Buffer | undefined {
  for (let at = 0; at + 17 <= received.length; at += 9 + received.readUIntBE(at, 3)) {
    const isPing = received[at + 3] === 6 && received[at + 4] === 0;
    if (isPing) return Buffer.concat([Buffer.from([0, 0, 8, 6, 1, 0, 0, 0, 0]), received.subarray(at + 9, at + 17)]);
  }
  return undefined;
}

/** How many bytes lead up to the end of stream 1; undefined while it is not there. */
export function endOfStream(received: Buffer): number | undefined {
  for (let at = 0; at + 9 <= received.length;) {
    const next = at + 9 + received.readUIntBE(at, 3);
    const type = received[at + 3];
    const endStream = ((received[at + 4] ?? 0) & 1) === 1 && (type === 0 || type === 1);
    if (next <= received.length && endStream && received.readUInt32BE(at + 5) === 1) return next;
    at = next;
  }
  return undefined;
}

/** A message in the envelope that gRPC, gRPC-Web and Connect's streams share. */
export function envelope(message: Uint8Array): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}
