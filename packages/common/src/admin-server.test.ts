import net from "node:net";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "@jest/globals";
import { type RunningAdmin, startAdmin } from "./admin-server.js";
import { EnvReader } from "./env.js";
import { HealthState } from "./health.js";
import { silentLogger } from "./logger.js";
import { BoundedLabel, Metrics } from "./metrics.js";
import { telemetrySettingsFromEnv } from "./telemetry-settings.js";

describe("the admin server", () => {
  const running: RunningAdmin[] = [];
  const health = new HealthState([]);

  afterEach(async () => {
    await Promise.all(running.splice(0).map(async (admin) => admin.stop()));
  });

  const start = async (metrics: Metrics, address = "127.0.0.1:0", anyPort = false): Promise<string> => {
    const admin = await startAdmin({ address, anyPort, metrics, health, log: silentLogger });
    running.push(admin);
    return `http://127.0.0.1:${admin.port}`;
  };

  it("shows metrics as OpenMetrics, and what is collected at the scrape", async () => {
    const metrics = new Metrics();
    metrics.counter({ name: "things_total", help: "Things.", labels: ["kind"] }).inc({ kind: 'a "b"\n' }, 3);
    let depth = 0;
    metrics.gauge({ name: "depth", help: "Depth.", collect: (gauge) => gauge.set((depth += 1)) });
    metrics.gauge({
      name: "held",
      help: "Held.",
      labels: ["by"],
      collect: (gauge) => gauge.set({ by: `${depth}` }, 1),
    });
    const url = await start(metrics);
    await (await fetch(`${url}/metrics`)).text();
    const answer = await fetch(`${url}/metrics`);
    expect(answer.headers.get("content-type")).toBe("application/openmetrics-text; version=1.0.0; charset=utf-8");
    const text = await answer.text();
    expect(text.split("\n")).toEqual([
      "# HELP things Things.",
      "# TYPE things counter",
      String.raw`things_total{kind="a \"b\"\n"} 3`,
      "# HELP depth Depth.",
      "# TYPE depth gauge",
      "depth 2",
      "# HELP held Held.",
      "# TYPE held gauge",
      // What is gone at this scrape is gone.
      expect.stringMatching(/^held\{by="\d"\} 1$/),
      "# EOF",
      "",
    ]);
  });

  it("is alive whatever happens, and ready when the service is; says why it is not", async () => {
    const url = await start(new Metrics());
    health.setServing(false, "Kafka is away");
    expect((await fetch(`${url}/livez`)).status).toBe(200);
    const refused = await fetch(`${url}/readyz`);
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([503, "1"]);
    expect(await refused.json()).toMatchObject({ status: 503, detail: "Kafka is away" });
    health.setServing(true);
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
    expect((await fetch(`${url}/else`)).status).toBe(404);
    expect((await fetch(`${url}/metrics`, { method: "POST" })).status).toBe(405);
    expect(await (await fetch(`${url}/livez`, { method: "HEAD" })).text()).toBe("");
  });

  it("takes another port where nobody asked for the one that is taken, and says so by name where somebody did", async () => {
    const blocker = net.createServer().listen(0, "127.0.0.1");
    await once(blocker, "listening");
    const address = `127.0.0.1:${(blocker.address() as AddressInfo).port}`;
    expect(await start(new Metrics(), address, true)).not.toContain(address);
    await expect(start(new Metrics(), address)).rejects.toThrow(`METRICS_ADDRESS: cannot listen on ${address}`);
    blocker.close();
  });

  it("says 500 where a metric cannot be collected", async () => {
    const metrics = new Metrics();
    metrics.gauge({
      name: "odd",
      help: "Odd.",
      collect: () => {
        throw new Error("a secret");
      },
    });
    const answer = await fetch(`${await start(metrics)}/metrics`);
    expect([answer.status, (await answer.text()).includes("secret")]).toEqual([500, false]);
  });
});

describe("a bounded label", () => {
  it("keeps the first values, and calls the others by one name", () => {
    const label = new BoundedLabel(2);
    expect(["a", "b", "a", "c", "b"].map((value) => label.of(value))).toEqual(["a", "b", "a", "other", "b"]);
  });
});

describe("the settings", () => {
  const read = (env: Record<string, string>) => {
    const reader = new EnvReader(env);
    const settings = telemetrySettingsFromEnv(reader, "127.0.0.1:9464");
    reader.done();
    return settings;
  };

  it("has metrics on loopback and no traces unless told otherwise", () => {
    expect(read({})).toEqual({ metrics: { address: "127.0.0.1:9464", anyPort: true }, tracing: undefined });
    expect(read({ METRICS_ADDRESS: "off" }).metrics).toBeUndefined();
    expect(read({ METRICS_ADDRESS: "0.0.0.0:1" }).metrics).toEqual({ address: "0.0.0.0:1", anyPort: false });
    const orFree = { address: "127.0.0.1:1", anyPort: true };
    expect(read({ METRICS_ADDRESS: "127.0.0.1:1,127.0.0.1:0" }).metrics).toEqual(orFree);
    expect(() => read({ METRICS_ADDRESS: "nowhere" })).toThrow("METRICS_ADDRESS");
    expect(() => read({ METRICS_ADDRESS: "a:1,b:2" })).toThrow("METRICS_ADDRESS");
  });

  it("takes OpenTelemetry's variables as the specification has them", () => {
    const base = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://c:4318/x/" };
    expect(read(base).tracing).toMatchObject({
      url: "http://c:4318/x/v1/traces",
      protocol: "http/protobuf",
      sampler: "parentbased_always_on",
    });
    const exact = { ...base, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "http://d/y" };
    expect(read(exact).tracing?.url).toBe("http://d/y");
    expect(read({ ...base, OTEL_SDK_DISABLED: "true" }).tracing).toBeUndefined();
    expect(read({ ...base, OTEL_TRACES_EXPORTER: "none" }).tracing).toBeUndefined();
    expect(() => read({ ...base, OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" })).toThrow("OTEL_EXPORTER_OTLP_PROTOCOL");
    expect(() => read({ OTEL_TRACES_SAMPLER: "sometimes" })).toThrow("OTEL_TRACES_SAMPLER");
  });
});
