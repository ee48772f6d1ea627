import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "@jest/globals";
import { kafkaVersion } from "@apispool/launcher/kafka-libs.js";
import { serverProperties } from "@apispool/launcher/kafka-settings.js";
import { root } from "../harness/paths.js";
import { type Section, variablesReadBy } from "./variables.js";

const run = promisify(execFile);

interface ComposeService {
  readonly image?: string;
  readonly build?: { readonly args?: Readonly<Record<string, string>> };
  readonly restart?: string;
  readonly environment?: Readonly<Record<string, string | null>>;
  readonly healthcheck?: { readonly test?: readonly string[] };
  readonly ports?: readonly { readonly host_ip?: string; readonly published?: string; readonly target: number }[];
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
}

type ComposeServices = Readonly<Record<string, ComposeService>>;

/** The services as docker compose understands them; undefined where there is no compose, which needs no engine. */
async function composeServices(
  env: Readonly<Record<string, string>> = {},
  profile?: string,
): Promise<ComposeServices | undefined> {
  const docker = { cwd: root, env: { PATH: process.env["PATH"], HOME: process.env["HOME"], ...env } };
  const dockerConfig = process.env["DOCKER_CONFIG"];
  if (dockerConfig !== undefined) Object.assign(docker.env, { DOCKER_CONFIG: dockerConfig });
  const there = await run("docker", ["compose", "version"], docker).then(
    () => true,
    () => false,
  );
  if (!there) return undefined;
  const profiles = profile === undefined ? [] : ["--profile", profile];
  const ask = ["compose", "--env-file", "/dev/null", ...profiles, "config", "--format", "json"];
  const { stdout } = await run("docker", ask, docker);
  return (JSON.parse(stdout) as { services: ComposeServices }).services;
}

/** Which section of the settings each of our containers reads, beside those that every service reads. */
const settingsOf: Readonly<Record<string, Section>> = {
  ingestor: "Ingestor",
  reader: "Reader",
  store: "Store",
  gateway: "Gateway",
  demo: "Demo API",
};

const found = await composeServices();
if (found === undefined) console.log("docker-compose.yml is not checked: there is no docker compose here");
const services = found ?? {};
const withStore = (await composeServices({}, "store")) ?? {};

(found === undefined ? describe.skip : describe)("docker-compose.yml", () => {
  it("has Kafka, the three services and the demo, each with a health check, each coming back", () => {
    expect(Object.keys(services).sort()).toEqual(["demo", "gateway", "ingestor", "kafka", "reader"]);
    for (const [name, { healthcheck, restart, build }] of Object.entries(services)) {
      expect([name, healthcheck?.test?.[0], restart]).toEqual([name, "CMD", "unless-stopped"]);
      expect(build?.args?.["SERVICE"]).toBe(name === "kafka" ? undefined : name === "demo" ? "demo-api" : name);
    }
    const waits = (name: string) =>
      Object.entries(services[name]?.depends_on ?? {}).map(([on, { condition }]) => `${on} ${condition}`);
    expect(waits("ingestor").sort()).toEqual(["demo service_healthy", "kafka service_healthy"]);
    expect(waits("reader")).toEqual(["kafka service_healthy"]);
    expect(waits("gateway").sort()).toEqual(["ingestor service_healthy", "reader service_healthy"]);
  });

  it("runs the Kafka of npm start, with the same settings except for where things are", () => {
    const { image, environment = {} } = services["kafka"] ?? {};
    expect(image).toBe(`apache/kafka:${kafkaVersion}`);
    const local = serverProperties({ broker: 9092, controller: 9093 }).split("\n");
    const places = /^(listeners|advertised\.listeners|controller\.quorum\.voters|log\.dirs)=/;
    const given = Object.entries(environment).map(
      ([name, value]) => `${name.replace("KAFKA_", "").toLowerCase().replaceAll("_", ".")}=${value ?? ""}`,
    );
    expect(given.filter((setting) => !places.test(setting) && !local.includes(setting))).toEqual([]);
    expect(given).toEqual(
      expect.arrayContaining([
        "offsets.retention.minutes=2147483647",
        "auto.create.topics.enable=false",
        "group.initial.rebalance.delay.ms=0",
      ]),
    );
  });

  it("publishes the gateway alone, on loopback", () => {
    const published = Object.entries(services).flatMap(([name, { ports = [] }]) =>
      ports.map((p) => `${name} ${p.host_ip ?? "everywhere"}:${p.published ?? ""} to ${p.target}`),
    );
    expect(published).toEqual(["gateway 127.0.0.1:3000 to 3000"]);
  });

  it("sets no variable that the service does not read", () => {
    expect(Object.keys(withStore).filter((name) => !(name in services))).toEqual(["store"]);
    for (const [name, section] of Object.entries(settingsOf)) {
      if (section === undefined) continue;
      const read = new Set(
        (["Every service", "Telemetry", section] as const).flatMap((part) => [...variablesReadBy(part)]),
      );
      const unknown = Object.keys(withStore[name]?.environment ?? {}).filter((variable) => !read.has(variable));
      expect([name, unknown]).toEqual([name, []]);
    }
  });

  it("has Prometheus and Grafana where they are asked for, on loopback alone", async () => {
    const given = (await composeServices({}, "observability")) ?? {};
    expect(
      Object.keys(given)
        .filter((name) => !(name in services))
        .sort(),
    ).toEqual(["grafana", "prometheus"]);
    for (const name of ["prometheus", "grafana"]) {
      expect(given[name]?.healthcheck?.test?.[0]).toBe("CMD");
      expect(given[name]?.ports?.map(({ host_ip }) => host_ip)).toEqual(["127.0.0.1"]);
    }
    // Where Prometheus looks is where the services are.
    const config = readFileSync(join(root, "deploy/prometheus/prometheus.yml"), "utf8");
    const targets = [...config.matchAll(/names: \[(\w+)\], type: A, port: (\d+)/g)].map(([, name, port]) => [
      name,
      port,
    ]);
    const listening = ["gateway", "ingestor", "reader", "store"].map((name) => [
      name,
      (services[name] ?? withStore[name])?.environment?.["METRICS_ADDRESS"]?.replace("0.0.0.0:", ""),
    ]);
    expect(targets).toEqual(listening);
  });

  it("polls what the environment says, where it is published as the environment says", async () => {
    const env = { SOURCE_URL: "https://api.example.com/x", SOURCE_NAME: "mine", PORT: "3001", HOST: "0.0.0.0" };
    const given = await composeServices(env);
    expect(given?.["ingestor"]?.environment).toMatchObject({ SOURCE_URL: env.SOURCE_URL, SOURCE_NAME: "mine" });
    expect(given?.["gateway"]?.ports).toMatchObject([{ host_ip: "0.0.0.0", published: "3001", target: 3000 }]);
  });
});
