import { once } from "node:events";
import net from "node:net";
import { freePort } from "@apispool/common/free-port.js";
import { portOwner } from "./port-owner.js";

/** Whether a port can be listened on at every one of the hosts. */
async function isFree(port: number, hosts: readonly string[]): Promise<boolean> {
  for (const host of hosts) {
    const server = net.createServer();
    try {
      server.listen({ port, host, exclusive: true });
      await once(server, "listening");
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      // A machine without IPv6 has no such address to be taken.
      if (code !== "EADDRNOTAVAIL" && code !== "EAFNOSUPPORT") return false;
      continue;
    }
    server.close();
    await once(server, "close");
  }
  return true;
}

/** `localhost` is either of these: somebody else on one of them would get half of the requests. */
const loopback = ["127.0.0.1", "::1"] as const;

/** "port 3000 is taken by `node server.js` (pid 123)" */
export async function describeTaken(port: number): Promise<string> {
  const owner = await portOwner(port);
  if (owner === undefined) return `port ${port} is taken`;
  // What tells programs apart is at both ends: the program, and what it was given.
  const { command: whole } = owner;
  const command = whole.length > 120 ? `${whole.slice(0, 40)} … ${whole.slice(-75)}` : whole;
  return `port ${port} is taken by \`${command}\` (pid ${owner.pid})`;
}

/** A port that was asked for by a person is taken. The message says by whom, and what to do. */
export class PortTakenError extends Error {
  override readonly name = "PortTakenError";
}

/** Gives the port back when it is free; otherwise throws {@link PortTakenError}. 0 gives any free port. */
export async function requirePort(port: number, host: string | undefined, advice: string): Promise<number> {
  if (port === 0) return await freePort();
  const hosts = new Set<string>([...loopback, ...(host === undefined ? [] : [host])]);
  if (await isFree(port, [...hosts])) return port;
  throw new PortTakenError(`${await describeTaken(port)}. ${advice}`);
}

/** The preferred port, or another where that is taken (`say` is told); 0 gives any free port. */
export async function preferPort(port: number, name: string, say: (text: string) => void): Promise<number> {
  if (port === 0) return await freePort();
  if (await isFree(port, loopback)) return port;
  const other = await freePort();
  say(`${await describeTaken(port)}; ${name} takes ${other} instead`);
  return other;
}
