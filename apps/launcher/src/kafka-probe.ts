import net from "node:net";

/** ApiVersions v0: size, API key 18, version 0, correlation id 1, no client id. */
const apiVersionsRequest = Buffer.from([0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 1, 0xff, 0xff]);

/** Connects to host:port and lets `begin` find out; what fails or takes too long is "no". */
function ask(
  address: string,
  timeoutMs: number,
  begin: (socket: net.Socket, finish: (answer: boolean) => void) => void,
): Promise<boolean> {
  const at = address.lastIndexOf(":");
  return new Promise((resolve) => {
    const socket = net.connect({
      host: address.slice(0, at).replace(/^\[|\]$/g, ""),
      port: Number(address.slice(at + 1)),
    });
    const finish = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(timeoutMs, () => finish(false));
    socket.on("error", () => finish(false));
    socket.on("end", () => finish(false));
    socket.on("connect", () => begin(socket, finish));
  });
}

/** Whether a Kafka broker answers at host:port. A broker opens its port for requests only when it can serve them. */
export function kafkaAnswers(address: string, timeoutMs = 1000): Promise<boolean> {
  return ask(address, timeoutMs, (socket, finish) => {
    let received = Buffer.alloc(0);
    socket.on("data", (chunk) => {
      received = Buffer.concat([received, chunk]);
      // Size, correlation id, error code.
      if (received.length >= 10) finish(received.readInt32BE(4) === 1 && received.readInt16BE(8) === 0);
    });
    socket.write(apiVersionsRequest);
  });
}

/** Whether somebody listens at host:port. */
function isOpen(address: string, timeoutMs = 1000): Promise<boolean> {
  return ask(address, timeoutMs, (_socket, finish) => finish(true));
}

/**
 * Whether any one of several comma-separated brokers answers. Over TLS, only whether somebody listens: the services have the
 * certificates, and are not ready without Kafka either.
 */
export async function anyKafkaAnswers(brokers: string, { tls }: { readonly tls: boolean }): Promise<boolean> {
  const answers = await Promise.all(
    brokers.split(",").map((broker) => (tls ? isOpen(broker.trim()) : kafkaAnswers(broker.trim()))),
  );
  return answers.includes(true);
}
