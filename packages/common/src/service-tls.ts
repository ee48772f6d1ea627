import * as grpc from "@grpc/grpc-js";
import type { EnvReader } from "./env.js";
import { type TlsFiles, type TlsMaterial, tlsFilesFromEnv } from "./tls-files.js";
import type { WatchedTls } from "./watched-tls.js";

/**
 * Reads the SERVICE_TLS_ variables, by which the services prove to each other who they are; the same for every service.
 * Undefined where they speak cleartext.
 */
export function serviceTlsFromEnv(env: EnvReader): TlsFiles | undefined {
  const variables = {
    cert: "SERVICE_TLS_CERT_FILE",
    key: "SERVICE_TLS_KEY_FILE",
    passphrase: "SERVICE_TLS_KEY_PASSPHRASE_FILE",
    ca: "SERVICE_TLS_CA_FILE",
  };
  return tlsFilesFromEnv(env, variables, "always");
}

/** What a gRPC server needs to let in only clients with a certificate of the same authority; new files are used at once. */
export function mutualTls(watched: WatchedTls): grpc.ServerCredentials {
  const provider = new WatchedProvider(watched);
  return grpc.experimental.createCertificateProviderServerCredentials(provider, provider, true);
}

/** grpc-js has a provider of its own, which uses a new file before anybody knows whether it can be used. */
class WatchedProvider implements grpc.experimental.CertificateProvider {
  readonly #watched: WatchedTls;
  readonly #ca = new Set<grpc.experimental.CaCertificateUpdateListener>();
  readonly #identity = new Set<grpc.experimental.IdentityCertificateUpdateListener>();

  constructor(watched: WatchedTls) {
    this.#watched = watched;
    watched.onChange((material) => {
      for (const listener of this.#ca) listener(caOf(material));
      for (const listener of this.#identity) listener(identityOf(material));
    });
  }

  // grpc-js takes note of the listener only after this.
  addCaCertificateListener(listener: grpc.experimental.CaCertificateUpdateListener): void {
    this.#ca.add(listener);
    process.nextTick(() => listener(caOf(this.#watched.current)));
  }

  addIdentityCertificateListener(listener: grpc.experimental.IdentityCertificateUpdateListener): void {
    this.#identity.add(listener);
    process.nextTick(() => listener(identityOf(this.#watched.current)));
  }

  removeCaCertificateListener(listener: grpc.experimental.CaCertificateUpdateListener): void {
    this.#ca.delete(listener);
  }

  removeIdentityCertificateListener(listener: grpc.experimental.IdentityCertificateUpdateListener): void {
    this.#identity.delete(listener);
  }
}

function caOf({ ca = "" }: TlsMaterial): grpc.experimental.CaCertificateUpdate {
  return { caCertificate: Buffer.from(ca) };
}

function identityOf({ cert = "", key = "" }: TlsMaterial): grpc.experimental.IdentityCertificateUpdate {
  return { certificate: Buffer.from(cert), privateKey: Buffer.from(key) };
}
