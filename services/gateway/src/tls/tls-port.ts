import type net from "node:net";
import tls from "node:tls";
import { describeError } from "@apispool/common/errors.js";
import type { Logger } from "@apispool/common/logger.js";
import { WatchedTls } from "@apispool/common/watched-tls.js";
import type { Wire } from "../listener.js";
import { refuseConnection } from "./refuse.js";
import type { TlsSettings } from "./settings.js";

export interface TlsPortOptions extends TlsSettings {
  readonly log: Logger;
  /** The longest that a client may take over its handshake, in milliseconds. */
  readonly handshakeTimeoutMs: number;
  /** Takes a connection over whose client is who it should be. */
  readonly accept: (socket: tls.TLSSocket, wire: "http1" | "http2") => void;
}

/** RFC 8996: nothing older is secure. */
const minVersion = "TLSv1.2";

/** TLS for connections that the listener has accepted: the handshake, ALPN, and who may go on. */
export class TlsPort {
  readonly #server: tls.Server;
  readonly #watched: WatchedTls;
  readonly #options: TlsPortOptions;

  constructor(options: TlsPortOptions) {
    const { files, clientCertificates, log, handshakeTimeoutMs } = options;
    this.#options = options;
    this.#watched = new WatchedTls(files, log);
    this.#server = tls.createServer({
      ...this.#watched.current,
      minVersion,
      ALPNProtocols: ["h2", "http/1.1", "http/1.0"],
      handshakeTimeout: handshakeTimeoutMs,
      requestCert: clientCertificates !== "none",
      // It is looked at below: a client that is refused is to be told why, which an alert cannot.
      rejectUnauthorized: false,
    });
    this.#watched.onChange((material) => this.#server.setSecureContext({ ...material, minVersion }));
    this.#server.on("secureConnection", (socket) => this.#met(socket));
    this.#server.on("tlsClientError", (error, socket) => {
      log.debug({ err: describeError(error), client: socket.remoteAddress }, "no TLS handshake");
      socket.destroy();
    });
  }

  /** A connection that has shown by its first bytes what it speaks. */
  take(socket: net.Socket, wire: Wire): void {
    if (wire === "tls") {
      // Who ends within the handshake has ended.
      socket.allowHalfOpen = false;
      this.#server.emit("connection", socket);
    } else refuseConnection(socket, wire, 400, "this port speaks TLS; use https:// (gRPC: TLS credentials)");
  }

  close(): void {
    this.#watched.close();
  }

  #met(socket: tls.TLSSocket): void {
    const { accept, log } = this.#options;
    socket.on("error", () => {});
    socket.allowHalfOpen = true;
    const wire = socket.alpnProtocol === "h2" ? "http2" : "http1";
    const problem = this.#problemOf(socket);
    if (problem === undefined) {
      accept(socket, wire);
      return;
    }
    log.warn({ client: socket.remoteAddress }, `a client was refused: ${problem}`);
    refuseConnection(socket, wire, 401, problem);
  }

  #problemOf(socket: tls.TLSSocket): string | undefined {
    const { clientCertificates } = this.#options;
    if (clientCertificates === "none") return undefined;
    const certificate = socket.getPeerX509Certificate();
    if (certificate === undefined) {
      return clientCertificates === "required"
        ? "a client certificate is required here, and none was shown"
        : undefined;
    }
    if (socket.authorized) return undefined;
    // Node declares an Error; it is the code.
    const reason = String(socket.authorizationError);
    return `the client certificate was not accepted: ${reasons[reason] ?? reason}`;
  }
}

const reasons: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: "it has expired",
  CERT_NOT_YET_VALID: "it is not valid yet",
  INVALID_PURPOSE: "it is not made for clients (extended key usage)",
  DEPTH_ZERO_SELF_SIGNED_CERT: "it is self-signed, and not one of those that are trusted",
  SELF_SIGNED_CERT_IN_CHAIN: "it comes from an authority that is not trusted",
  UNABLE_TO_GET_ISSUER_CERT: "it comes from an authority that is not trusted",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "it comes from an authority that is not trusted",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "it comes from an authority that is not trusted",
};
