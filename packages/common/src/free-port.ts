import { once } from "node:events";
import net, { type AddressInfo } from "node:net";

/** What was given away already: who asked for it may not listen on it yet. */
const given = new Set<number>();

/** A port of 127.0.0.1 that nobody listens on; never one that this process has been given before. */
export async function freePort(): Promise<number> {
  for (;;) {
    const server = net.createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    server.close();
    await once(server, "close");
    if (given.has(port)) continue;
    given.add(port);
    return port;
  }
}
