import type { EnvReader } from "@apispool/common/env.js";
import { type TlsFiles, tlsFilesFromEnv } from "@apispool/common/tls-files.js";

const clientCertificates = ["none", "optional", "required"] as const;

/** TLS on the gateway's own port. */
export interface TlsSettings {
  readonly files: TlsFiles;
  /** Whether clients show a certificate. One that is shown must come from the authorities in the files. */
  readonly clientCertificates: (typeof clientCertificates)[number];
}

/** Reads the TLS_ variables; undefined where there is no TLS. */
export function tlsSettingsFromEnv(env: EnvReader): TlsSettings | undefined {
  const variables = {
    cert: "TLS_CERT_FILE",
    key: "TLS_KEY_FILE",
    passphrase: "TLS_KEY_PASSPHRASE_FILE",
    ca: "TLS_CLIENT_CA_FILE",
  };
  const files = tlsFilesFromEnv(env, variables, "optional");
  const withAuthority = env.string(variables.ca) !== undefined;
  const wanted = env.oneOf("TLS_CLIENT_CERTIFICATES", clientCertificates, withAuthority ? "required" : "none");
  if (wanted !== "none" && !withAuthority) {
    env.problem("TLS_CLIENT_CERTIFICATES", `"${wanted}" needs ${variables.ca}, the authorities to trust`);
  }
  return files === undefined ? undefined : { files, clientCertificates: wanted };
}
