import type { TLSSocket } from "node:tls";

/** Who a client has proved to be by a certificate from one of the authorities that are trusted. */
export interface ClientCertificate {
  /** As X509Certificate has it, one line for each part: `CN=alice`. */
  readonly subject: string;
  /** The subject's common name; empty where it has none. */
  readonly commonName: string;
  /** `DNS:…, URI:…, email:…`; undefined where there are none. */
  readonly alternativeNames: string | undefined;
  /** SHA-256 of the certificate, in hexadecimal with colons. */
  readonly fingerprint: string;
}

/** The verified certificate of the client at the other end of a connection; undefined where it showed none. */
export function clientCertificateOf(socket: object): ClientCertificate | undefined {
  try {
    const { authorized, getPeerX509Certificate } = socket as Partial<TLSSocket>;
    const certificate = authorized === true ? getPeerX509Certificate?.call(socket as TLSSocket) : undefined;
    if (certificate === undefined) return undefined;
    const { subject, subjectAltName, fingerprint256 } = certificate;
    return {
      subject,
      commonName: /^CN=(.*)$/m.exec(subject)?.[1] ?? "",
      alternativeNames: subjectAltName,
      fingerprint: fingerprint256,
    };
  } catch {
    // An HTTP/2 session that is over lets nobody at its socket.
    return undefined;
  }
}
