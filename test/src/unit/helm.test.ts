import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "@jest/globals";
import { parse, parseAllDocuments } from "yaml";
import { root } from "../harness/paths.js";
import { type Section, variablesReadBy } from "./variables.js";

const run = promisify(execFile);
const helm = process.env["HELM"] ?? "helm";
const chart = join(root, "deploy", "helm", "apispool");

const there = await run(helm, ["version"]).then(
  () => true,
  () => false,
);
if (!there) console.log("the chart is not checked: there is no helm here (HELM=<path> names one)");

interface Probe {
  readonly httpGet: { readonly path: string; readonly port: string };
}

interface Container {
  readonly name: string;
  readonly image: string;
  readonly env: readonly { readonly name: string; readonly value?: string; readonly valueFrom?: object }[];
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
  readonly volumeMounts?: readonly { readonly name: string; readonly mountPath: string }[];
  readonly securityContext: object;
  readonly resources: { readonly requests?: object; readonly limits?: object };
  readonly livenessProbe?: Probe;
  readonly readinessProbe?: Probe;
}

interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly replicas?: number;
    readonly selector?: { readonly matchLabels?: object };
    readonly template?: {
      readonly metadata: { readonly labels: object; readonly annotations?: Readonly<Record<string, string>> };
      readonly spec: {
        readonly containers: readonly [Container];
        readonly volumes?: readonly { readonly name: string }[];
        readonly securityContext: object;
        readonly automountServiceAccountToken: boolean;
        readonly terminationGracePeriodSeconds: number;
      };
    };
    readonly ingress?: readonly { readonly ports: readonly { readonly port: number }[]; readonly from?: unknown }[];
    readonly clusterIP?: string;
    readonly groups?: unknown;
  };
  readonly data?: Readonly<Record<string, string>>;
}

const sets = (values: Readonly<Record<string, string>>): string[] =>
  Object.entries(values).flatMap(([name, value]) => ["--set", `${name}=${value}`]);

const least = {
  "kafka.brokers": "{kafka:9092}",
  config: "sources: {}",
  "gateway.tls.existingSecret": "gateway-tls",
  "gateway.access.existingSecret": "gateway-access",
};

const everything = {
  ...least,
  "kafka.sasl.mechanism": "SCRAM-SHA-512",
  "kafka.sasl.existingSecret": "kafka-user",
  "kafka.tls.enabled": "true",
  "kafka.tls.existingSecret": "kafka-ca",
  "kafka.tls.certKey": "tls.crt",
  "kafka.tls.keyKey": "tls.key",
  "gateway.tls.clientCaKey": "ca.crt",
  "gateway.allowedHosts": "{api.example.com}",
  "gateway.allowedOrigins": "{https://app.example.com}",
  "gateway.insecure": "no-tls",
  "tracing.endpoint": "http://collector:4318",
  "podMonitor.enabled": "true",
  "prometheusRule.enabled": "true",
  "image.registry": "registry.example.com/team",
  "store.enabled": "true",
};

async function render(values: Readonly<Record<string, string>>): Promise<readonly Manifest[]> {
  const args = ["template", "it", chart, "--kube-version", "1.31.0", ...sets(values)];
  const { stdout } = await run(helm, args, { maxBuffer: 16 * 1024 * 1024 });
  return parseAllDocuments(stdout).flatMap((document) => (document.toJS() as Manifest | null) ?? []);
}

async function refusal(values: Readonly<Record<string, string>>): Promise<string> {
  return await render(values).then(
    () => "",
    (error: unknown) => (error as { stderr: string }).stderr,
  );
}

const pods = (manifests: readonly Manifest[]) =>
  manifests.flatMap(({ kind, metadata, spec }) =>
    kind === "Deployment" && spec.template !== undefined
      ? [{ name: metadata.name.replace("it-apispool-", ""), spec, template: spec.template }]
      : [],
  );

(there ? describe : describe.skip)("the Helm chart", () => {
  it("helm lint has nothing to say", async () => {
    const { stdout } = await run(helm, ["lint", "--strict", "--kube-version", "1.31.0", chart, ...sets(everything)]);
    expect(stdout).toContain("1 chart(s) linted, 0 chart(s) failed");
  });

  it("says by name what is missing or wrong", async () => {
    const { "kafka.brokers": _, ...nowhere } = least;
    expect(await refusal(nowhere)).toContain("kafka.brokers is missing");
    expect(await refusal({ ...least, config: "" })).toContain("there is nothing to poll");
    const open = { ...least, "gateway.access.existingSecret": "" };
    expect(await refusal(open)).toContain("gateway.access.existingSecret: nobody would be asked who they are");
    expect(await refusal({ ...open, "gateway.insecure": "no-authentication" })).toBe("");
    const clear = { ...least, "gateway.tls.existingSecret": "" };
    expect(await refusal(clear)).toContain("gateway.tls.existingSecret: keys and records would travel in clear text");
    expect(await refusal({ ...clear, "gateway.insecure": "true" })).toBe("");
    expect(await refusal({ ...least, "kafka.brokers": "{kafka}" })).toMatch(/kafka.*brokers/);
    expect(await refusal({ ...least, "gateway.replica": "3" })).toContain("replica");
    expect(await refusal({ ...least, "kafka.sasl.mechanism": "PLAIN" })).toContain(
      "kafka.sasl.existingSecret is missing",
    );
  });

  it("runs the three services without root, on a read-only file system, with probes that tell the truth", async () => {
    const found = pods(await render(least));
    expect(Object.fromEntries(found.map(({ name, spec }) => [name, spec.replicas]))).toEqual({
      gateway: 3,
      ingestor: 2,
      reader: 2,
    });
    for (const { spec, template } of found) {
      const [container] = template.spec.containers;
      expect(template.metadata.labels).toMatchObject(spec.selector?.matchLabels ?? { none: "" });
      expect(template.spec).toMatchObject({ automountServiceAccountToken: false, terminationGracePeriodSeconds: 30 });
      expect(template.spec.securityContext).toMatchObject({ runAsNonRoot: true, runAsUser: 1000 });
      expect(container.securityContext).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ["ALL"] },
      });
      // Liveness must not depend on Kafka: a restart would mend nothing.
      expect([container.livenessProbe?.httpGet, container.readinessProbe?.httpGet]).toEqual([
        { path: "/livez", port: "metrics" },
        { path: "/readyz", port: "metrics" },
      ]);
      const metrics = container.ports.find(({ name }) => name === "metrics")?.containerPort;
      expect(container.env).toContainEqual({ name: "METRICS_ADDRESS", value: `0.0.0.0:${metrics}` });
      expect(Object.keys(container.resources)).toEqual(expect.arrayContaining(["requests", "limits"]));
    }
  });

  it("sets no variable that the service does not read, and no secret in the clear", async () => {
    const manifests = await render(everything);
    const { envNames } = parse(readFileSync(join(chart, "values.yaml"), "utf8")) as {
      envNames: Readonly<Record<string, string>>;
    };
    const sections: Readonly<Record<string, Section>> = {
      gateway: "Gateway",
      ingestor: "Ingestor",
      reader: "Reader",
      store: "Store",
    };
    for (const { name, template } of pods(manifests)) {
      const [{ env, volumeMounts = [] }] = template.spec.containers;
      const parts: readonly Section[] = ["Every service", "Telemetry", sections[name] ?? "Gateway"];
      const read = new Set(parts.flatMap((part) => [...variablesReadBy(part)]));
      expect([name, env.map((variable) => variable.name).filter((variable) => !read.has(variable))]).toEqual([
        name,
        [],
      ]);
      // A name twice would be one of them passed over in silence.
      expect(new Set(env.map((variable) => variable.name)).size).toBe(env.length);
      // What a variable says is in a file is in one that is mounted.
      const files = env.flatMap(({ value }) => (value?.startsWith("/etc/") === true ? [value] : []));
      const mounted = (file: string) => volumeMounts.some(({ mountPath }) => file.startsWith(`${mountPath}/`));
      expect([name, files.filter((file) => !mounted(file))]).toEqual([name, []]);
      const volumes = new Set(template.spec.volumes?.map((volume) => volume.name));
      expect(volumeMounts.filter((mount) => !volumes.has(mount.name))).toEqual([]);
    }
    const secrets = pods(manifests).flatMap(({ template }) => template.spec.containers[0].env);
    const passwords = secrets.filter(({ name }) => name === envNames["kafkaPassword"]);
    expect(passwords.length).toBe(3);
    expect(passwords.every(({ value, valueFrom }) => value === undefined && valueFrom !== undefined)).toBe(true);
    expect(manifests.some(({ kind }) => kind === "Secret")).toBe(false);
    expect(pods(manifests).map(({ template }) => template.spec.containers[0].image)).toContain(
      "registry.example.com/team/apispool-reader:0.1.0",
    );
  });

  it("takes apispool.yaml as it is, and replaces the ingestors when it changes", async () => {
    const [first, second] = await Promise.all([render(least), render({ ...least, config: "sources: {} # new" })]);
    const configOf = (manifests: readonly Manifest[]) => manifests.find(({ kind }) => kind === "ConfigMap")?.data;
    expect(configOf(second)).toEqual({ "apispool.yaml": "sources: {} # new\n" });
    const sums = [first, second].map(
      (manifests) =>
        pods(manifests).find(({ name }) => name === "ingestor")?.template.metadata.annotations?.["checksum/config"],
    );
    expect(sums[0]).toMatch(/^[0-9a-f]{64}$/);
    expect(sums[1]).not.toBe(sums[0]);
  });

  it("lets nobody but the gateway to the services, and has a budget for each", async () => {
    const manifests = await render(least);
    const of = (kind: string) => manifests.filter((manifest) => manifest.kind === kind);
    expect(of("PodDisruptionBudget").length).toBe(3);
    const policies = new Map(of("NetworkPolicy").map(({ metadata, spec }) => [metadata.name, spec.ingress ?? []]));
    expect(policies.get("it-apispool-gateway")?.[0]).toEqual({ ports: [{ port: 3000 }] });
    for (const [name, port] of [
      ["it-apispool-ingestor", 50_051],
      ["it-apispool-reader", 50_052],
    ] as const) {
      const [service, metrics] = policies.get(name) ?? [];
      expect([service?.ports, metrics?.from]).toEqual([[{ port }], [{ podSelector: {} }]]);
      expect(JSON.stringify(service?.from)).toContain('"app.kubernetes.io/component":"gateway"');
    }
    expect(of("Service").find(({ metadata }) => metadata.name === "it-apispool-reader")?.spec.clusterIP).toBe("None");
    expect(of("PodMonitor").length + of("PrometheusRule").length).toBe(0);
  });

  it("brings the same alerts as deploy/prometheus, for an operator that wants them", async () => {
    const alerts = parse(readFileSync(join(root, "deploy", "prometheus", "alerts.yml"), "utf8")) as { groups: unknown };
    const manifests = await render(everything);
    expect(manifests.find(({ kind }) => kind === "PrometheusRule")?.spec.groups).toEqual(alerts.groups);
    expect(manifests.filter(({ kind }) => kind === "PodMonitor").length).toBe(4);
  });

  it("has a store where one is switched on: one process with a volume of its own, or a MongoDB", async () => {
    const kinds = (manifests: readonly Manifest[]) =>
      manifests.filter(({ metadata }) => metadata.name === "it-apispool-store").map(({ kind }) => kind);
    const sqlite = await render({ ...least, "store.enabled": "true" });
    expect(kinds(sqlite).sort()).toEqual(["Deployment", "NetworkPolicy", "PersistentVolumeClaim", "Service"]);
    const gateway = pods(sqlite).find(({ name }) => name === "gateway")?.template.spec.containers[0].env;
    expect(gateway).toContainEqual({ name: "STORE_ADDRESS", value: "it-apispool-store:50053" });
    const mongodb = await render({ ...least, "store.enabled": "true", "store.mongodb.existingSecret": "mongo" });
    expect(kinds(mongodb).sort()).toEqual(["Deployment", "NetworkPolicy", "Service"]);
    const store = pods(mongodb).find(({ name }) => name === "store");
    expect(store?.spec.replicas).toBe(1);
    expect(store?.template.spec.containers[0].env).toContainEqual({
      name: "STORE",
      valueFrom: { secretKeyRef: { name: "mongo", key: "url" } },
    });
    expect(kinds(await render(least))).toEqual([]);
  });
});
