import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "@jest/globals";
import { sendingIn } from "./silent-peer.js";

const run = promisify(execFile);

const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode                                                     
   0: 00000000:07E8 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1469 1 00000000b4c9f407 100 0 0 10 0
   1: 0100007F:87ED 0100007F:9C40 01 0000001F:00000000 01:00000061 0000000A     0        0 997150 2 00000000bea9e9d9 3280 0 0 1 7
   2: 0100007F:87ED 0100007F:9C41 01 00280000:00000000 04:00000061 00000005     0        0 99715 2 00000000bea9e9da 3280 0 0 1 7
   3: 0100007F:87ED 0100007F:9C42 01 00280000:00000000 04:00000061 00000000     0        4 5555 2 00000000bea9e9da 3280 0 0 1 7
 123: 0100007F:87ED 0100007F:9C42 01 00000000:00000000 02:00000B36 00000000     0        0 9971 2 00000000bea9e9db 20 4 30 10 -1
`;

describe("a client that has fallen silent", () => {
  it.each([
    ["997150", { unanswered: 31, retries: 10 }],
    // A client that takes no more answers, that it takes no more.
    ["99715", { unanswered: 0x280000, retries: 0 }],
    ["5555", { unanswered: 0x280000, retries: 4 }],
    ["9971", { unanswered: 0, retries: 0 }],
    ["1469", { unanswered: 0, retries: 0 }],
    ["997", undefined],
  ])("is told from the kernel's table (socket %s)", (inode, expected) => {
    expect(sendingIn(table, inode)).toEqual(expected);
  });

  it("does not keep its reader from a client that comes after it", async () => {
    // A network of its own, in which an address can be taken from under a connection; what is sent to it then gets lost.
    const script = join(import.meta.dirname, "testing", "silent-client.js");
    const setUp = `ip link set lo up && ip addr add 10.9.9.7/32 dev lo && ip addr add 10.9.9.8/32 dev lo || exit
      ip link add v0 type veth peer name v1 && ip link set v0 up && ip link set v1 up &&
      ip neigh add 10.9.9.8 lladdr 02:00:00:00:00:01 dev v0 && ip route add 10.9.9.8/32 dev v0
      exec "$0" "$1"`;
    const possible = await run("unshare", ["-rn", "sh", "-c", "ip link set lo up && test -r /proc/self/net/tcp"]).then(
      () => true,
      () => false,
    );
    if (!possible) {
      console.warn(
        "not tested: a client that falls silent, for there are no network namespaces here (unshare -rn, ip)",
      );
      return;
    }
    const { stdout } = await run("unshare", ["-rn", "sh", "-c", setUp, process.execPath, script]);
    expect(stdout.trim().split("\n")).toEqual([
      "the first client follows",
      "a second one waits while the first one answers: READER_BUSY",
      "the first one falls silent",
      "a second one gets everything: 0, 1, 2",
    ]);
  }, 60_000);
});
