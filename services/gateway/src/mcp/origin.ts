import type { IncomingHttpHeaders } from "node:http";
import net from "node:net";
import { Code } from "@connectrpc/connect";
import { rpcError } from "@apispool/common/errors.js";
import { HttpError } from "../problem.js";

/**
 * MCP, "Streamable HTTP", security warning: no page of another origin may speak to a server in a person's own network, nor one
 * whose name was made to mean this machine (DNS rebinding). Throws 403. Clients that are no browsers send no Origin.
 */
export function assertOwnPage(headers: IncomingHttpHeaders): void {
  const { origin } = headers;
  if (origin === undefined) return;
  const host = String(headers[":authority"] ?? headers.host ?? "");
  const own = URL.canParse(origin) && new URL(origin).host === host && isOurs(new URL(origin).hostname);
  if (!own) {
    const error = rpcError(Code.PermissionDenied, "INVALID_FIELD", "origin: pages of this origin may not call");
    throw new HttpError(403, error);
  }
}

/** An address cannot be made to mean another machine, and nobody in the internet owns a name without a dot. */
function isOurs(name: string): boolean {
  return net.isIP(name.replaceAll(/^\[|\]$/g, "")) !== 0 || !name.includes(".") || name.endsWith(".localhost");
}
