import { BlockList, isIP } from "node:net";

/** Networks that are nobody's on the internet: a server out there has no business to name them. */
const networks = {
  ipv4: [
    "0.0.0.0/8", // this host
    "10.0.0.0/8",
    "100.64.0.0/10", // carrier-grade NAT; one cloud's metadata
    "127.0.0.0/8",
    "168.63.129.16/32", // a public address, and yet another cloud's metadata
    "169.254.0.0/16", // link-local; most clouds' metadata
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "224.0.0.0/4", // multicast
    "240.0.0.0/4", // reserved, broadcast
  ],
  ipv6: [
    "::/96", // unspecified, loopback, and IPv4-compatible, which nothing uses any more
    "64:ff9b:1::/48", // local NAT64
    "100::/64", // discard
    "2001::/32", // Teredo: an IPv4 address inside, disguised
    "fc00::/7", // unique local; metadata
    "fe80::/10", // link-local
    "fec0::/10", // site-local of old
    "ff00::/8", // multicast
  ],
} as const;

const blocked = new BlockList();
for (const family of ["ipv4", "ipv6"] as const) {
  for (const network of networks[family]) {
    const [address = "", prefix = ""] = network.split("/");
    blocked.addSubnet(address, Number(prefix), family);
  }
}

/** Whether an address is private, loopback, link-local, a cloud's metadata, or otherwise not of the internet. */
export function isPrivateAddress(address: string): boolean {
  const bare = address.replace(/%.*$/, "");
  const version = isIP(bare);
  if (version === 4) return blocked.check(bare, "ipv4");
  // What is no address is not let through either.
  if (version !== 6) return true;
  // IPv4-mapped ones (::ffff:0:0/96) are looked up by BlockList itself among the IPv4 rules.
  if (blocked.check(bare, "ipv6")) return true;
  const inner = embeddedIpv4(bare);
  return inner !== undefined && blocked.check(inner, "ipv4");
}

/** The IPv4 address that NAT64 (RFC 6052) or 6to4 (RFC 3056) would go on to. */
function embeddedIpv4(address: string): string | undefined {
  const groups = expand(address);
  const of = (high = 0, low = 0): string => [high >> 8, high & 255, low >> 8, low & 255].join(".");
  if (groups[0] === 0x2002) return of(groups[1], groups[2]);
  if (groups[0] === 0x64 && groups[1] === 0xff9b && groups.slice(2, 6).every((group) => group === 0)) {
    return of(groups[6], groups[7]);
  }
  return undefined;
}

/** An IPv6 address's eight groups. */
function expand(address: string): readonly number[] {
  // The URL parser writes every form in the one of RFC 5952.
  const [head = "", tail] = new URL(`http://[${address}]/`).hostname.slice(1, -1).split("::");
  const parse = (part: string): number[] =>
    part === "" ? [] : part.split(":").map((group) => Number.parseInt(group, 16));
  const before = parse(head);
  if (tail === undefined) return before;
  const after = parse(tail);
  return [...before, ...Array.from({ length: 8 - before.length - after.length }, () => 0), ...after];
}
