import { readFileSync } from "node:fs";
import { type ConnectionOptions, type SecureContext, createSecureContext } from "node:tls";
import type { KafkaConfig } from "kafkajs";
import type { EnvReader } from "@apispool/common/env.js";
import { type TlsFiles, readTlsFiles, tlsFilesFromEnv } from "@apispool/common/tls-files.js";

const mechanisms = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] as const;

/** How Kafka is convinced of who connects, and the other way round. */
export interface KafkaSecurity {
  /** Undefined: in cleartext. Without files the authorities of the system are trusted, and no certificate is shown. */
  readonly tls?: TlsFiles | undefined;
  readonly sasl?: KafkaSasl | undefined;
}

export interface KafkaSasl {
  readonly mechanism: (typeof mechanisms)[number];
  readonly username: string;
  /** Read at every connection, so that a file can get a new one. */
  readonly password: () => string;
}

/** Reads the KAFKA_TLS and KAFKA_SASL variables. No message has a password in it. */
export function kafkaSecurityFromEnv(env: EnvReader): KafkaSecurity {
  const variables = {
    cert: "KAFKA_TLS_CERT_FILE",
    key: "KAFKA_TLS_KEY_FILE",
    passphrase: "KAFKA_TLS_KEY_PASSPHRASE_FILE",
    ca: "KAFKA_TLS_CA_FILE",
  };
  const files = tlsFilesFromEnv(env, variables, "alone");
  const tls = env.boolean("KAFKA_TLS", files !== undefined);
  if (!tls && files !== undefined)
    env.problem("KAFKA_TLS", "is false, and there are files for it; unset one or the other");
  return { tls: tls ? (files ?? {}) : undefined, sasl: saslFromEnv(env) };
}

function saslFromEnv(env: EnvReader): KafkaSasl | undefined {
  const mechanism = env.oneOf("KAFKA_SASL_MECHANISM", [...mechanisms, "none"], "none");
  const username = env.string("KAFKA_SASL_USERNAME");
  const password = env.string("KAFKA_SASL_PASSWORD");
  const file = env.string("KAFKA_SASL_PASSWORD_FILE");
  if (mechanism === "none") {
    const given = Object.entries({ USERNAME: username, PASSWORD: password, PASSWORD_FILE: file });
    const names = given.flatMap(([name, value]) => (value === undefined ? [] : [`KAFKA_SASL_${name}`]));
    if (names.length > 0) {
      env.problem("KAFKA_SASL_MECHANISM", `must be one of ${mechanisms.join(", ")} where ${names.join(", ")} is set`);
    }
    return undefined;
  }
  if (username === undefined) env.problem("KAFKA_SASL_USERNAME", `must be set for ${mechanism}`);
  if ((password === undefined) === (file === undefined)) {
    env.problem("KAFKA_SASL_PASSWORD_FILE", `or KAFKA_SASL_PASSWORD must be set for ${mechanism}, and not both`);
  }
  if (file !== undefined) {
    try {
      if (passwordIn(file) === "") env.problem("KAFKA_SASL_PASSWORD_FILE", `${file} is empty`);
    } catch (error) {
      const { code = "unknown error" } = error as NodeJS.ErrnoException;
      env.problem("KAFKA_SASL_PASSWORD_FILE", `${file} cannot be read: ${code}`);
    }
  }
  return {
    mechanism,
    username: username ?? "",
    password: () => (file === undefined ? (password ?? "") : passwordIn(file)),
  };
}

/** One newline at the end is no part of it. */
function passwordIn(file: string): string {
  return readFileSync(file, "utf8").replace(/\r?\n$/, "");
}

/** The part of kafkajs's configuration that it is for. */
export function securityConfig({ tls, sasl }: KafkaSecurity): Pick<KafkaConfig, "ssl" | "sasl"> {
  return {
    ...(tls === undefined ? {} : { ssl: connectionOptions(tls) }),
    ...(sasl === undefined ? {} : { sasl: credentials(sasl) }),
  };
}

/** kafkajs asks for the options at every connection, so what is a getter here follows the files. */
function connectionOptions(files: TlsFiles): ConnectionOptions {
  let last: SecureContext | undefined;
  return {
    minVersion: "TLSv1.2",
    get secureContext(): SecureContext {
      try {
        last = createSecureContext({ ...readTlsFiles(files), minVersion: "TLSv1.2" });
      } catch (error) {
        // New files that cannot be used, or are only half written, keep the old ones in use.
        if (last === undefined) throw error;
      }
      return last;
    },
  };
}

/** The password is a getter for the same reason. */
function credentials({ mechanism, username, password }: KafkaSasl): NonNullable<KafkaConfig["sasl"]> {
  return {
    mechanism: mechanism.toLowerCase() as "plain",
    username,
    get password(): string {
      return password();
    },
  };
}
