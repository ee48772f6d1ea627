/**
 * Whom a connection is counted for: its IPv4 address; of IPv6 the network of 64 bits, because whoever has one address
 * there has all of it (RFC 6177). An IPv4 address that is written as an IPv6 one is the same client.
 */
export function clientOf(address: string | undefined): string {
  if (address === undefined) return "unknown";
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address);
  if (mapped?.[1] !== undefined) return mapped[1];
  return address.includes(":") ? `${firstFour(address)}::/64` : address;
}

/** The first four of the eight groups of an IPv6 address. */
function firstFour(address: string): string {
  const [head = "", tail] = (address.split("%", 1)[0] ?? "").split("::");
  const before = head === "" ? [] : head.split(":");
  const after = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros =
    tail === undefined ? [] : Array.from({ length: Math.max(0, 8 - before.length - after.length) }, () => "0");
  return [...before, ...zeros, ...after]
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(":");
}
