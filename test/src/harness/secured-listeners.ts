import { readFileSync } from "node:fs";
import { TestAuthority } from "@apispool/common/testing/certificates.js";
import type { LocalKafkaOptions } from "@apispool/launcher/local-kafka.js";
import { freePort } from "@apispool/common/free-port.js";

/** What a test needs to come in by the other listeners of the tests' Kafka; KAFKA_SECURED holds it as JSON. */
export interface SecuredKafka {
  /** SASL over TLS: PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512. */
  readonly sasl: string;
  /** TLS with client certificates. */
  readonly mutual: string;
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  readonly username: string;
  readonly password: string;
}

/** Listeners of a Kafka for tests that want TLS and credentials; `dir` gets the certificates. */
export async function securedListeners(
  dir: string,
): Promise<{ readonly extra: NonNullable<LocalKafkaOptions["extra"]>; readonly secured: SecuredKafka }> {
  const authority = new TestAuthority("Kafka tests", dir);
  const broker = authority.issue("broker");
  const client = authority.issue("client", { usage: "clientAuth" });
  const keystore = authority.file("broker.pem", readFileSync(broker.key, "utf8") + readFileSync(broker.cert, "utf8"));
  const tls = {
    "ssl.keystore.type": "PEM",
    "ssl.keystore.location": keystore,
    "ssl.truststore.type": "PEM",
    "ssl.truststore.location": authority.ca,
  };
  const username = "alice";
  const password = "alice-secret";
  const security = "org.apache.kafka.common.security";
  const scram = `${security}.scram.ScramLoginModule required;`;
  const [saslPort, mutualPort] = [await freePort(), await freePort()];
  return {
    extra: {
      listeners: [
        {
          name: "SECURED",
          protocol: "SASL_SSL",
          port: saslPort,
          settings: {
            ...tls,
            "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
            "plain.sasl.jaas.config": `${security}.plain.PlainLoginModule required user_${username}="${password}";`,
            "scram-sha-256.sasl.jaas.config": scram,
            "scram-sha-512.sasl.jaas.config": scram,
          },
        },
        { name: "MUTUAL", protocol: "SSL", port: mutualPort, settings: { ...tls, "ssl.client.auth": "required" } },
      ],
      scram: ["SCRAM-SHA-256", "SCRAM-SHA-512"].map(
        (mechanism) => `${mechanism}=[name=${username},password=${password}]`,
      ),
    },
    secured: {
      sasl: `127.0.0.1:${saslPort}`,
      mutual: `127.0.0.1:${mutualPort}`,
      ca: authority.ca,
      ...client,
      username,
      password,
    },
  };
}
