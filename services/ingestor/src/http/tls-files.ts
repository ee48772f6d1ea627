import { createHash } from "node:crypto";
import type { TlsConfig } from "../config/source-config.js";
import { WatchedFile } from "./watched-file.js";

export interface TlsMaterial {
  /** Other content, other version. */
  readonly version: string;
  readonly ca: Buffer | undefined;
  readonly cert: Buffer | undefined;
  readonly key: Buffer | undefined;
}

/** The PEM files of a source, read again when they change: certificates are renewed every few weeks. */
export class TlsFiles {
  readonly #ca: WatchedFile | undefined;
  readonly #cert: WatchedFile | undefined;
  readonly #key: WatchedFile | undefined;

  constructor({ caFile, certFile, keyFile }: TlsConfig) {
    const open = (path: string | undefined, name: string): WatchedFile | undefined =>
      path === undefined ? undefined : new WatchedFile(path, name, "tls");
    this.#ca = open(caFile, "tls.ca");
    this.#cert = open(certFile, "tls.cert");
    this.#key = open(keyFile, "tls.key");
  }

  async read(): Promise<TlsMaterial> {
    const [ca, cert, key] = await Promise.all([this.#ca?.read(), this.#cert?.read(), this.#key?.read()]);
    const hash = createHash("sha256");
    for (const part of [ca, cert, key]) hash.update(`${part?.length ?? -1}:`).update(part ?? "");
    return { version: hash.digest("base64"), ca, cert, key };
  }
}
