import net from "node:net";
import { Duplex } from "node:stream";
import tls from "node:tls";

export interface TlsClientOptions extends tls.ConnectionOptions {
  readonly port: number;
  /** Sent once the handshake is done. */
  readonly request: string | Buffer;
  /** Take so many bytes off TCP after the handshake and leave the rest in its buffers; absent: all. */
  readonly bytes?: number | undefined;
}

/**
 * A client over TLS that takes exactly as many bytes off TCP as it is told, so that the end of its TCP socket does what a dying
 * process does: no close_notify, and a reset where bytes are left.
 */
export class TlsClient {
  readonly tcp: net.Socket;
  readonly tls: tls.TLSSocket;
  #received = Buffer.alloc(0);
  #wanted = Number.POSITIVE_INFINITY;
  #taken = 0;
  #ended = false;
  #onChange: () => void = () => {};

  constructor({ port, request, bytes = Number.POSITIVE_INFINITY, ...options }: TlsClientOptions) {
    // One byte at a time where it has to stop at one.
    const buffer = Buffer.alloc(bytes === Number.POSITIVE_INFINITY ? 65_536 : 1);
    this.tcp = net.connect({
      port,
      host: "127.0.0.1",
      allowHalfOpen: true,
      onread: {
        buffer,
        callback: (count) => {
          wire.push(Buffer.from(buffer.subarray(0, count)));
          if (handshaken) this.#taken += count;
          this.#onChange();
          return this.#taken < this.#wanted;
        },
      },
    });
    let handshaken = false;
    const wire = new Duplex({
      allowHalfOpen: true,
      read() {},
      write: (chunk: Buffer, _encoding, callback) => void this.tcp.write(chunk, () => callback()),
      // As OpenSSL: a close_notify ends TLS, and TCP goes on until its socket is closed.
      final: (callback) => callback(),
    });
    this.tcp.on("end", () => wire.push(null));
    this.tcp.on("error", () => this.#over());
    this.tcp.on("close", () => this.#over());
    this.tls = tls.connect({ rejectUnauthorized: false, ...options, socket: wire });
    this.tls.once("secureConnect", () => {
      handshaken = true;
      this.#wanted = bytes;
      if (bytes === 0) this.tcp.pause();
      this.tls.write(request);
    });
    this.tls.on("data", (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk]);
      this.#onChange();
    });
    this.tls.on("error", () => this.#over());
    this.tls.on("end", () => this.#over());
  }

  get received(): Buffer {
    return this.#received;
  }

  /** How many bytes were taken off TCP since the handshake. */
  get taken(): number {
    return this.#taken;
  }

  get ended(): boolean {
    return this.#ended;
  }

  async until(enough: (received: Buffer) => boolean): Promise<Buffer> {
    while (!enough(this.#received)) {
      if (this.#ended) throw new Error(`the connection ended after ${this.#received.toString("latin1")}`);
      await new Promise<void>((resolve) => (this.#onChange = resolve));
    }
    return this.#received;
  }

  /** Resolves once as many bytes have been taken as were wanted, or the answer is whole. */
  async full(whole: (received: Buffer) => boolean): Promise<void> {
    await this.until((received) => this.#taken >= this.#wanted || whole(received));
  }

  async over(): Promise<void> {
    while (!this.#ended) await new Promise<void>((resolve) => (this.#onChange = resolve));
  }

  /** As the end of a process does. */
  die(): void {
    this.tcp.destroy();
  }

  #over(): void {
    this.#ended = true;
    this.#onChange();
  }
}
