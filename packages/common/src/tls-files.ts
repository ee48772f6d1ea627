import { X509Certificate, createPrivateKey } from "node:crypto";
import { readFileSync } from "node:fs";
import { createSecureContext } from "node:tls";
import type { EnvReader } from "./env.js";
import { describeError } from "./errors.js";

/** Where a certificate, its key, and the authorities that others' certificates must come from are kept: PEM files. */
export interface TlsFiles {
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  /** Holds the key's passphrase; one newline at its end is no part of it. */
  readonly passphrase?: string | undefined;
  readonly ca?: string | undefined;
}

/** What was in those files: PEM, the key without its passphrase. */
export interface TlsMaterial {
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  readonly ca?: string | undefined;
}

/** The variables that name the files. */
export type TlsVariables = { readonly [K in keyof Required<TlsFiles>]: string };

/** What is wrong with one of the files. The text names it, and never has anything of its content. */
export class TlsFileError extends Error {
  override readonly name = "TlsFileError";
  readonly which: keyof TlsFiles;
  constructor(which: keyof TlsFiles, problem: string) {
    super(problem);
    this.which = which;
  }
}

/** Reads the files and proves that they can be used together. Throws {@link TlsFileError}. */
export function readTlsFiles(files: TlsFiles): TlsMaterial {
  const cert = pem(files, "cert");
  const ca = pem(files, "ca");
  const sealed = pem(files, "key");
  const key = sealed === undefined ? undefined : openKey(sealed, files);
  if (cert !== undefined) checkCertificates("cert", files.cert ?? "", cert);
  if (ca !== undefined) checkCertificates("ca", files.ca ?? "", ca);
  if (cert !== undefined && key !== undefined && !new X509Certificate(cert).checkPrivateKey(createPrivateKey(key))) {
    throw new TlsFileError(
      "key",
      `the key in ${files.key ?? ""} is not the one of the certificate in ${files.cert ?? ""}`,
    );
  }
  try {
    createSecureContext({ cert, key, ca });
  } catch (error) {
    // A key that is too weak, for example.
    throw new TlsFileError(cert === undefined ? "ca" : "cert", `OpenSSL does not take it: ${describeError(error)}`);
  }
  return { cert, key, ca };
}

/**
 * The files that the variables name, looked at at once; undefined where none is named. Certificate and key come together, and
 * the passphrase only with them; `authority` says whether the authorities may be left out, or come alone.
 */
export function tlsFilesFromEnv(
  env: EnvReader,
  variables: TlsVariables,
  authority: "optional" | "always" | "alone",
): TlsFiles | undefined {
  const files: TlsFiles = {
    cert: env.string(variables.cert),
    key: env.string(variables.key),
    passphrase: env.string(variables.passphrase),
    ca: env.string(variables.ca),
  };
  if (Object.values(files).every((file) => file === undefined)) return undefined;
  const needed = new Set<keyof TlsFiles>();
  if (files.cert !== undefined || files.key !== undefined || files.passphrase !== undefined)
    needed.add("cert").add("key");
  if (files.ca !== undefined && authority !== "alone") needed.add("cert").add("key");
  if (authority === "always") needed.add("cert").add("key").add("ca");
  const missing = [...needed].filter((which) => files[which] === undefined);
  const given = (Object.keys(files) as (keyof TlsFiles)[]).filter((which) => files[which] !== undefined);
  for (const which of missing) {
    env.problem(variables[which], `must be set where ${given.map((other) => variables[other]).join(", ")} is`);
  }
  if (missing.length > 0) return undefined;
  try {
    readTlsFiles(files);
  } catch (error) {
    if (!(error instanceof TlsFileError)) throw error;
    env.problem(variables[error.which], error.message);
  }
  return files;
}

/** The certificates of a PEM text, in their order. */
export function certificatesIn(text: string): readonly X509Certificate[] {
  return [...text.matchAll(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g)].map(
    ([one]) => new X509Certificate(one),
  );
}

function pem(files: TlsFiles, which: keyof TlsFiles): string | undefined {
  const file = files[which];
  if (file === undefined) return undefined;
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw new TlsFileError(
      which,
      `${file} cannot be read: ${(error as NodeJS.ErrnoException).code ?? "unknown error"}`,
    );
  }
}

function checkCertificates(which: "cert" | "ca", file: string, text: string): void {
  try {
    if (certificatesIn(text).length > 0) return;
  } catch {
    throw new TlsFileError(which, `${file} holds a damaged certificate`);
  }
  throw new TlsFileError(which, `${file} holds no certificate (PEM, -----BEGIN CERTIFICATE-----)`);
}

function openKey(sealed: string, files: TlsFiles): string {
  const passphrase = pem(files, "passphrase")?.replace(/\r?\n$/, "");
  try {
    const key = createPrivateKey({ key: sealed, ...(passphrase === undefined ? {} : { passphrase }) });
    return key.export({ type: "pkcs8", format: "pem" }).toString();
  } catch {
    const file = files.key ?? "";
    if (!/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(sealed)) {
      throw new TlsFileError("key", `${file} holds no private key (PEM, -----BEGIN PRIVATE KEY-----)`);
    }
    if (passphrase === undefined && sealed.includes("ENCRYPTED")) {
      throw new TlsFileError("key", `the key in ${file} has a passphrase, and no file with it is named`);
    }
    if (passphrase !== undefined) {
      throw new TlsFileError("passphrase", `the passphrase in ${files.passphrase ?? ""} does not open ${file}`);
    }
    throw new TlsFileError("key", `the key in ${file} is damaged`);
  }
}
