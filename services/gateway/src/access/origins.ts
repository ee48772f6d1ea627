import type { IncomingHttpHeaders } from "node:http";
import net from "node:net";
import type { ConnectError } from "@connectrpc/connect";
import { rpcError } from "@apispool/common/errors.js";
import { Code } from "@connectrpc/connect";
import { isLoopback } from "./access-file.js";

export interface OriginRules {
  readonly allowedOrigins: readonly string[];
  readonly allowedHosts: readonly string[] | undefined;
}

/** The host that a request was sent to, as its client wrote it; HTTP/2 has it elsewhere. */
export function hostOf(headers: IncomingHttpHeaders): string | undefined {
  const authority: unknown = headers[":authority"];
  return typeof authority === "string" ? authority : headers.host;
}

/** Whether a page of this origin may call; the origin of the gateway itself may always. */
export function isAllowedOrigin(origin: string, { allowedOrigins }: OriginRules): boolean {
  return allowedOrigins.includes("*") || allowedOrigins.includes(origin);
}

/**
 * Why a request must not be served that a browser may have sent for somebody else's page: by a name that was made to mean
 * this machine (DNS rebinding), or across origins. Undefined where there is no reason. Clients that are no browsers send none
 * of these fields but Host.
 */
export function foreignPage(headers: IncomingHttpHeaders, rules: OriginRules): ConnectError | undefined {
  const host = hostOf(headers);
  if (host !== undefined && rules.allowedHosts !== undefined && !isOurName(nameIn(host), rules.allowedHosts)) {
    return refused(
      "HOST_NOT_ALLOWED",
      "the name that this was sent to is none of the gateway's; ALLOWED_HOSTS may add it",
    );
  }
  const { origin } = headers;
  if (origin !== undefined) {
    if (isSame(origin, host) || isAllowedOrigin(origin, rules)) return undefined;
    return refused("ORIGIN_NOT_ALLOWED", "pages of this origin may not call; ALLOWED_ORIGINS may add it");
  }
  // Without Origin: a link, an image, a form that gets. Browsers say where from (Fetch Metadata), older ones by Referer.
  const site = headers["sec-fetch-site"];
  if (site !== undefined && site !== "same-origin" && site !== "none") {
    return refused("ORIGIN_NOT_ALLOWED", "a page of another site has sent this; type the address yourself");
  }
  const { referer } = headers;
  if (site === undefined && referer !== undefined && URL.canParse(referer)) {
    const from = new URL(referer).origin;
    if (!isSame(from, host) && !isAllowedOrigin(from, rules)) {
      return refused("ORIGIN_NOT_ALLOWED", "a page of another site has sent this; type the address yourself");
    }
  }
  return undefined;
}

function refused(reason: "HOST_NOT_ALLOWED" | "ORIGIN_NOT_ALLOWED", message: string): ConnectError {
  return rpcError(Code.PermissionDenied, reason, message);
}

/** The scheme is not compared: behind what ends TLS, the gateway does not know it. The host and port are. */
function isSame(origin: string, host: string | undefined): boolean {
  return host !== undefined && URL.canParse(origin) && new URL(origin).host === withoutDefaultPort(host, origin);
}

function withoutDefaultPort(host: string, origin: string): string {
  const url = `${new URL(origin).protocol}//${host}`;
  return URL.canParse(url) ? new URL(url).host : host;
}

function nameIn(host: string): string {
  return host.replace(/:\d*$/, "").replace(/\.$/, "").toLowerCase();
}

/** An address cannot be made to mean another machine, and nobody in the internet owns a name without a dot. */
function isOurName(name: string, allowed: readonly string[]): boolean {
  const address = name.replace(/^\[|\]$/g, "");
  return isLoopback(name) || net.isIP(address) !== 0 || !name.includes(".") || allowed.includes(name);
}
