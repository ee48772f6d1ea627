import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { inspect } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { EnvReader } from "@apispool/common/env.js";
import { silentLogger } from "@apispool/common/logger.js";
import { TestAuthority } from "@apispool/common/testing/certificates.js";
import { ensureTopics } from "./ensure-topics.js";
import { createLogReader } from "./kafkajs-log-reader.js";
import { ProducerConnections } from "./producer-connections.js";
import { type KafkaSettings, createKafka, kafkaSettingsFromEnv } from "./settings.js";

interface Secured {
  readonly [name: string]: string;
}

/** Only the tests' own Kafka has these listeners. */
const given = process.env["KAFKA_SECURED"];
const secured = JSON.parse(given ?? "{}") as Secured;

function settingsFor(env: Record<string, string | undefined>): KafkaSettings {
  const reader = new EnvReader(env);
  const settings = kafkaSettingsFromEnv(reader, "security-test");
  reader.done();
  return { ...settings, log: silentLogger };
}

const tls = { KAFKA_TLS_CA_FILE: secured["ca"] };
const withPassword = (mechanism: string, password = secured["password"]): Record<string, string | undefined> => ({
  ...tls,
  KAFKA_BROKERS: secured["sasl"],
  KAFKA_SASL_MECHANISM: mechanism,
  KAFKA_SASL_USERNAME: secured["username"],
  KAFKA_SASL_PASSWORD: password,
});

/** Whether Kafka lets a reader in; rejects with what the reader's clients would see. */
async function ping(settings: KafkaSettings): Promise<void> {
  const log = createLogReader({ ...settings, retryForMs: 100 });
  try {
    await log.ping(new AbortController().signal);
  } finally {
    await log.close();
  }
}

(given === undefined ? describe.skip : describe)("a Kafka that wants to know who connects", () => {
  let other: TestAuthority;
  beforeAll(() => {
    other = new TestAuthority("somebody else");
  });
  afterAll(() => other.remove());

  it.each(["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])("lets in who knows the password: %s", async (mechanism) => {
    const settings = settingsFor(withPassword(mechanism));
    await ping(settings);
    const topic = `secured.${mechanism}.${process.pid}`;
    await ensureTopics(createKafka(settings), settings.brokers, [{ topic, partitions: 1, config: {} }], silentLogger);
    const connections = new ProducerConnections(settings);
    const producer = connections.share().producer({ transactionalId: topic, transactionTimeout: 10_000 });
    await producer.connect();
    const transaction = await producer.transaction();
    await transaction.send({ topic, messages: [{ value: "one", partition: 0 }] });
    await transaction.commit();
    await connections.close();
  });

  it("takes a certificate", async () => {
    const own = { KAFKA_TLS_CERT_FILE: secured["cert"], KAFKA_TLS_KEY_FILE: secured["key"] };
    await ping(settingsFor({ ...tls, ...own, KAFKA_BROKERS: secured["mutual"] }));
  });

  it("gets a new password from its file without a restart", async () => {
    const file = join(other.dir, "password");
    writeFileSync(file, "wrong\n");
    const settings = settingsFor({
      ...withPassword("SCRAM-SHA-256"),
      KAFKA_SASL_PASSWORD: undefined,
      KAFKA_SASL_PASSWORD_FILE: file,
    });
    await expect(ping(settings)).rejects.toThrow("does not accept the credentials");
    writeFileSync(file, `${secured["password"] ?? ""}\n`);
    await ping(settings);
  });

  it.each(["PLAIN", "SCRAM-SHA-512"])("says so where the password is wrong: %s", async (mechanism) => {
    const refused = ping(settingsFor(withPassword(mechanism, "hunter2")));
    await expect(refused).rejects.toThrow(/does not accept the credentials.*KAFKA_SASL_PASSWORD_FILE/);
    await refused.catch((error: unknown) => expect(inspect(error, { depth: 20 })).not.toContain("hunter2"));
  });

  it("says so where the authority is another one", async () => {
    const refused = ping(settingsFor({ ...withPassword("PLAIN"), KAFKA_TLS_CA_FILE: other.ca }));
    await expect(refused).rejects.toThrow(/TLS failed.*KAFKA_TLS_CA_FILE/);
  });

  it.each(["none", "of another authority"])("says so where it wants a certificate and gets %s", async (which) => {
    const { cert, key } = other.issue("client");
    const own = which === "none" ? {} : { KAFKA_TLS_CERT_FILE: cert, KAFKA_TLS_KEY_FILE: key };
    await expect(ping(settingsFor({ ...tls, ...own, KAFKA_BROKERS: secured["mutual"] }))).rejects.toThrow("TLS failed");
  });
});

describe("settings of a Kafka that wants to know who connects", () => {
  it.each([
    [{ KAFKA_SASL_MECHANISM: "GSSAPI" }, /KAFKA_SASL_MECHANISM: "GSSAPI" is not one of PLAIN/],
    [{ KAFKA_SASL_USERNAME: "alice" }, /KAFKA_SASL_MECHANISM: must be one of/],
    [{ KAFKA_SASL_MECHANISM: "PLAIN", KAFKA_SASL_PASSWORD: "x" }, /KAFKA_SASL_USERNAME: must be set/],
    [{ KAFKA_SASL_MECHANISM: "PLAIN", KAFKA_SASL_USERNAME: "x" }, /KAFKA_SASL_PASSWORD must be set for PLAIN/],
    [{ KAFKA_TLS_CA_FILE: "/nowhere" }, /KAFKA_TLS_CA_FILE: \/nowhere cannot be read: ENOENT/],
    [{ KAFKA_TLS_CERT_FILE: "/nowhere" }, /KAFKA_TLS_KEY_FILE: must be set where KAFKA_TLS_CERT_FILE is/],
  ])("says what is wrong with %j", (env, text) => {
    expect(() => settingsFor(env)).toThrow(text);
  });
});
