import net from "node:net";

export interface Cut {
  /** How many bytes of the answer to take off the socket. */
  readonly bytes: number;
  /** How long to stall before closing, in milliseconds. */
  readonly stallMs?: number;
}

/**
 * Sends a request, takes exactly that many bytes of the answer off the socket, leaves the rest in its buffers, and
 * closes: what a client looks like that died in mid-read. Resolves with what it took.
 */
export function readThenClose(port: number, request: string | Buffer, cut: Cut): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const taken: Buffer[] = [];
    let wanted = cut.bytes;
    const finish = (): void => {
      setTimeout(() => {
        socket.destroy();
        resolve(Buffer.concat(taken));
      }, cut.stallMs ?? 0);
    };
    // One byte at a time: the kernel keeps what was not asked for, and closing then sends a reset as a dying client does.
    const socket = net.connect({
      port,
      host: "127.0.0.1",
      onread: {
        buffer: Buffer.alloc(1),
        callback(_count, buffer) {
          taken.push(Buffer.from(buffer));
          wanted -= 1;
          if (wanted > 0) return true;
          finish();
          return false;
        },
      },
    });
    socket.on("error", reject);
    socket.on("end", () => resolve(Buffer.concat(taken)));
    socket.on("connect", () => {
      socket.write(request);
      if (wanted === 0) setTimeout(finish, 50);
    });
  });
}

/** A plain GET, as bytes. */
export function getRequest(path: string, headers: Readonly<Record<string, string>> = {}): string {
  const lines = Object.entries({ host: "localhost", ...headers }).map(([name, value]) => `${name}: ${value}\r\n`);
  return `GET ${path} HTTP/1.1\r\n${lines.join("")}\r\n`;
}
