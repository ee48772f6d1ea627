/** A listener beside the usual one; tests look at TLS and SASL with it, and put proxies before it. */
export interface ExtraListener {
  /** In capital letters. */
  readonly name: string;
  readonly protocol: "PLAINTEXT" | "SSL" | "SASL_SSL" | "SASL_PLAINTEXT";
  readonly port: number;
  /** Where clients are told to look for it; the port itself unless given. */
  readonly advertisedPort?: number;
  /** What Kafka has as listener.name.<name>.<setting>. */
  readonly settings: Readonly<Record<string, string>>;
}

/** What Kafka calls its server.properties, for one node that is broker and controller. Paths are relative to its folder. */
export function serverProperties(
  ports: { readonly broker: number; readonly controller: number },
  extra: readonly ExtraListener[] = [],
): string {
  const more = extra.map(({ name, port }) => `,${name}://127.0.0.1:${port}`).join("");
  const advertised = extra
    .map(({ name, port, advertisedPort = port }) => `,${name}://127.0.0.1:${advertisedPort}`)
    .join("");
  const settings: Readonly<Record<string, string | number>> = {
    "process.roles": "broker,controller",
    "node.id": 1,
    "controller.quorum.voters": `1@127.0.0.1:${ports.controller}`,
    // Loopback only: there is no password.
    listeners: `PLAINTEXT://127.0.0.1:${ports.broker},CONTROLLER://127.0.0.1:${ports.controller}${more}`,
    "advertised.listeners": `PLAINTEXT://127.0.0.1:${ports.broker}${advertised}`,
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": `PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT${extra.map(({ name, protocol }) => `,${name}:${protocol}`).join("")}`,
    "inter.broker.listener.name": "PLAINTEXT",
    "log.dirs": "data",
    "offsets.topic.replication.factor": 1,
    "offsets.topic.num.partitions": 5,
    "transaction.state.log.replication.factor": 1,
    "transaction.state.log.min.isr": 1,
    "transaction.state.log.num.partitions": 5,
    "share.coordinator.state.topic.replication.factor": 1,
    "share.coordinator.state.topic.min.isr": 1,
    "group.initial.rebalance.delay.ms": 0,
    // Topics are created explicitly, with the settings that they need.
    "auto.create.topics.enable": "false",
    // A reader's position outlives its silence (KIP-211); 7 days is the default.
    "offsets.retention.minutes": 2_147_483_647,
    // A broker that was killed is let back in after 2 s, not 9.
    "broker.session.timeout.ms": 2000,
    "broker.heartbeat.interval.ms": 500,
    ...Object.fromEntries(
      extra.flatMap(({ name, settings: own }) =>
        Object.entries(own).map(([key, value]) => [`listener.name.${name.toLowerCase()}.${key}`, value]),
      ),
    ),
  };
  return `${Object.entries(settings)
    .map(([key, value]) => `${key}=${value}`)
    .join("\n")}\n`;
}

/** Warnings and errors on standard output, which the launcher sends to kafka.log. */
export const log4jProperties = `rootLogger.level=WARN
rootLogger.appenderRef.stdout.ref=STDOUT
appender.stdout.type=Console
appender.stdout.name=STDOUT
appender.stdout.layout.type=PatternLayout
appender.stdout.layout.pattern=%d{ISO8601} %-5p %c{1}: %m%n
`;
