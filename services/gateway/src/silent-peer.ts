import { readFile, readlink } from "node:fs/promises";
import type { Http2Session } from "node:http2";
import { setTimeout as sleep } from "node:timers/promises";
import type { Exchange } from "./exchange.js";

/** How often the kernel has to have tried in vain; with its least wait of 200 ms that is over a second. */
const mostRetries = 3;
const lookEveryMs = 250;
/** How long a connection is looked at, in milliseconds. */
const lookMs = 10_000;

/**
 * Whether the other end of a connection has fallen silent: a host that went to sleep, or has another address by now, says
 * nothing, and the kernel goes on sending for a quarter of an hour. To be asked after something has been written. False also
 * where that cannot be told. Never rejects.
 */
export async function isSilent({ req, stream }: Pick<Exchange, "req" | "stream">): Promise<boolean> {
  if (stream !== undefined) return (await answersPing(stream.session)) === false;
  const until = performance.now() + lookMs;
  while (performance.now() < until && !req.socket.destroyed) {
    await sleep(lookEveryMs);
    const sending = await sendingOf(req.socket);
    if (sending === undefined || sending.unanswered === 0) return false;
    if (sending.retries >= mostRetries) return true;
  }
  return false;
}

/** RFC 9113, section 6.7; undefined where it cannot be asked now. */
async function answersPing(session: Http2Session | undefined): Promise<boolean | undefined> {
  if (session === undefined || session.destroyed) return undefined;
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), lookMs);
    const done = (answer: boolean | undefined): void => {
      clearTimeout(timer);
      resolve(answer);
    };
    // There is a limit to PINGs under way; that is no silence. Nor is an end.
    if (!session.ping((error) => done(error === null ? true : undefined))) done(undefined);
  });
}

interface Sending {
  /** Bytes that the other end has not acknowledged. */
  readonly unanswered: number;
  /** How often the other end was asked in vain. */
  readonly retries: number;
}

/** What the kernel (Linux) says of a connection; undefined where it says nothing. */
async function sendingOf(socket: object): Promise<Sending | undefined> {
  const fd = (socket as { _handle?: { fd?: number } | null })._handle?.fd;
  if (fd === undefined || fd < 0) return undefined;
  try {
    const inode = /^socket:\[(\d+)\]$/.exec(await readlink(`/proc/self/fd/${fd}`))?.[1];
    if (inode === undefined) return undefined;
    for (const table of ["tcp", "tcp6"]) {
      const found = sendingIn(await readFile(`/proc/self/net/${table}`, "latin1"), inode);
      if (found !== undefined) return found;
    }
  } catch {
    // Another system than Linux, or the socket is gone.
  }
  return undefined;
}

/** Finds a socket in the text of /proc/net/tcp (proc_net_tcp.txt of Linux's documentation). */
export function sendingIn(table: string, inode: string): Sending | undefined {
  const at = table.search(new RegExp(` ${inode} \\d+ [0-9a-f]+ `));
  if (at === -1) return undefined;
  const line = table.slice(table.lastIndexOf("\n", at) + 1).trimStart();
  // sl, local, remote, state, tx:rx, timer:when, retries, user, probes, …
  const [, , , , queues = "", timer = "", retries = "", , probes = ""] = line.split(/ +/);
  return {
    unanswered: Number.parseInt(queues.split(":")[0] ?? "", 16),
    // Timer 1 is that of sending again. Timer 4 asks whether a full client takes more; one that is there answers that.
    retries: timer.startsWith("01:") ? Number.parseInt(retries, 16) : timer.startsWith("04:") ? Number(probes) : 0,
  };
}
