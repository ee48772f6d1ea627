import { describeError } from "./errors.js";
import type { Logger } from "./logger.js";
import { type TlsFiles, type TlsMaterial, certificatesIn, readTlsFiles } from "./tls-files.js";

/** How often the files are looked at, in milliseconds. Watching them fails where a secret is mounted, so they are read. */
const LOOK_MS = 2000;
/** From when on a certificate's end is warned of, in milliseconds. */
const SOON_MS = 14 * 86_400_000;

/**
 * Certificates that are read again when their files change. A new file that cannot be used keeps the old one in use, and is
 * told of once.
 */
export class WatchedTls {
  readonly #files: TlsFiles;
  readonly #log: Logger;
  readonly #timer: NodeJS.Timeout;
  readonly #listeners = new Set<(material: TlsMaterial) => void>();
  #current: TlsMaterial;
  #problem: string | undefined;

  /** Throws {@link TlsFileError} where they cannot be used. */
  constructor(files: TlsFiles, log: Logger, lookMs = LOOK_MS) {
    this.#files = files;
    this.#log = log;
    this.#current = readTlsFiles(files);
    this.#warnOfEnd();
    this.#timer = setInterval(() => this.look(), lookMs);
    this.#timer.unref();
  }

  get current(): TlsMaterial {
    return this.#current;
  }

  /** Is told at every change from now on. */
  onChange(listener: (material: TlsMaterial) => void): void {
    this.#listeners.add(listener);
  }

  /** Looks at once. */
  look(): void {
    const names = Object.values(this.#files).filter((name) => name !== undefined);
    try {
      const material = readTlsFiles(this.#files);
      const { cert, key, ca } = this.#current;
      const changed = material.cert !== cert || material.key !== key || material.ca !== ca;
      if (!changed && this.#problem === undefined) return;
      this.#problem = undefined;
      if (changed) for (const listener of this.#listeners) listener(material);
      this.#current = material;
      this.#log.info(`certificates read again: ${names.join(", ")}`);
      this.#warnOfEnd();
    } catch (error) {
      const problem = describeError(error);
      if (problem === this.#problem) return;
      this.#problem = problem;
      this.#log.error(`the certificates in use are kept, the new ones cannot be used: ${problem}`);
    }
  }

  close(): void {
    clearInterval(this.#timer);
    this.#listeners.clear();
  }

  #warnOfEnd(): void {
    const [certificate] = certificatesIn(this.#current.cert ?? "");
    if (certificate === undefined) return;
    const left = certificate.validToDate.getTime() - Date.now();
    if (left > SOON_MS) return;
    const what = left <= 0 ? "has expired" : "expires soon";
    this.#log.warn(`the certificate in ${this.#files.cert ?? ""} ${what}: ${certificate.validToDate.toISOString()}`);
  }
}
