import { isIP } from "node:net";
import tls from "node:tls";
import type { WatchedTls } from "@apispool/common/watched-tls.js";

/** How a service behind the gateway is spoken to over TLS. */
export interface UpstreamTls {
  readonly watched: WatchedTls;
  /** The name that has to be in the service's certificate; its address's host unless given. */
  readonly serverName?: string | undefined;
}

/** Connects with what the files hold at this moment, so that every new connection uses the newest certificates. */
export function connectUpstream({ watched, serverName }: UpstreamTls, address: string): tls.TLSSocket {
  const at = address.lastIndexOf(":");
  const host = address.slice(0, at).replace(/^\[(.*)\]$/, "$1");
  const name = serverName ?? host;
  return tls.connect({
    ...watched.current,
    host,
    port: Number(address.slice(at + 1)),
    ALPNProtocols: ["h2"],
    // An address is no name that could be asked for (RFC 6066); the certificate has to have it all the same.
    ...(isIP(name) === 0 ? { servername: name } : {}),
    checkServerIdentity: (_, certificate) => tls.checkServerIdentity(name, certificate),
  });
}
