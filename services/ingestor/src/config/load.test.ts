import { describe, expect, it } from "@jest/globals";
import { ConfigError, type Env, EnvReader } from "@apispool/common/env.js";
import { diffSources } from "./diff.js";
import { checkConfigText, type ConfigFiles, loadIngestorConfig } from "./load.js";
import type { SourceConfig, TemplateValues } from "./source-config.js";

function load(values: Env, files: Readonly<Record<string, string>> = {}) {
  const reading: ConfigFiles = {
    exists: (path) => path in files,
    read(path) {
      const text = files[path];
      if (text === undefined) throw new Error(`there is no ${path}`);
      return text;
    },
  };
  const env = new EnvReader(values);
  const config = loadIngestorConfig(env, reading);
  env.done();
  return config;
}

function problems(values: Env, files: Readonly<Record<string, string>> = {}): readonly string[] {
  try {
    load(values, files);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  throw new Error("it was accepted");
}

function sourcesOf(text: string, env: Env = {}): readonly SourceConfig[] {
  const { sources, problems: found } = checkConfigText(text, "apispool.yaml", (name) => env[name]);
  expect(found).toEqual([]);
  return sources;
}

function only(text: string, env: Env = {}): SourceConfig {
  const [source, ...rest] = sourcesOf(text, env);
  if (source === undefined || rest.length > 0) throw new Error("not one source");
  return source;
}

const values: TemplateValues = { cursor: undefined, lastPoll: undefined, now: 0, parent: undefined };

const issue = `
kafka: { brokers: [kafka-1:9092, "kafka-2:9092"] }
sources:
  quakes:
    url: https://x.test/feed
    headers: { User-Agent: apispool }
    query: { since: "{{ cursor | default('2020-01-01T00:00:00Z') }}", n: 1.10, tag: [a, b] }
    auth: { type: bearer, token: "\${TOKEN}" }
    interval: 30s
    timeout: 10s
    format: json
    records: features
    id: [id, net]
    event_time: properties.time
    cursor: { field: properties.updated, overlap: 5m, initial: 2020-01-01 }
    pagination: { type: link_header }
    rate_limit: { requests: 5, per: 1s }
    dedup: { window: 5 }
    retry: { max_attempts: 2, initial: 500ms, max: 1m }
    topic: { partitions: 3, retention: 7d }
    autostart: true
`;

describe("where the configuration comes from", () => {
  const file = { "apispool.yaml": issue };

  it("is apispool.yaml, or the file that APISPOOL_CONFIG names", () => {
    expect(load({ TOKEN: "t" }, file)).toMatchObject({
      file: "apispool.yaml",
      address: "127.0.0.1:50051",
      kafka: { brokers: ["kafka-1:9092", "kafka-2:9092"], topicPrefix: "apispool" },
      sources: [{ name: "quakes" }],
    });
    expect(load({ APISPOOL_CONFIG: "/etc/a.yaml", TOKEN: "t" }, { "/etc/a.yaml": issue }).file).toBe("/etc/a.yaml");
    expect(load({ TOKEN: "t", KAFKA_BROKERS: "other:1" }, file).kafka.brokers).toEqual(["other:1"]);
  });

  it("is said where it cannot be had, or is in two places", () => {
    expect(problems({ APISPOOL_CONFIG: "no.yaml" })).toEqual([
      "no.yaml: cannot be read: there is no no.yaml; APISPOOL_CONFIG must be the path of a file",
    ]);
    expect(problems({ TOKEN: "t", SOURCE_URL: "http://x.test" }, file)).toEqual([
      "SOURCE_URL: is set, but the sources come from apispool.yaml; unset it, or write it into that file",
    ]);
    expect(problems({}, file)).toEqual([
      "apispool.yaml:8:34 sources.quakes.auth.token: the variable TOKEN is not set; set it, or write ${TOKEN:-default}",
    ]);
  });
});

describe("SOURCE_* variables", () => {
  it("make one source, where there is no file", () => {
    const { sources, file } = load({
      SOURCE_URL: "http://me:hu%3Ash@x.test/a?b=1",
      SOURCE_NAME: "quakes.v1",
      SOURCE_RECORDS: "data.items",
      SOURCE_ID: "meta.id",
      SOURCE_EVENT_TIME: "at",
      SOURCE_HEADERS: '{"authorization":"Bearer {{ abc }}"}',
      SOURCE_INTERVAL: "5m",
      SOURCE_TIMEOUT: "3s",
      SOURCE_MAX_BYTES: "1000",
      SOURCE_AUTOSTART: "true",
      DEDUP_WINDOW: "5",
    });
    expect(file).toBeUndefined();
    expect(sources).toMatchObject([
      {
        name: "quakes.v1",
        auth: { type: "basic", username: "me", password: { kind: "value", value: "hu:sh" } },
        schedule: { kind: "interval", intervalMs: 300_000 },
        network: { timeoutMs: 3000, maxBytes: 1000 },
        extract: {
          records: { path: ["data", "items"] },
          id: [{ path: ["meta", "id"] }],
          eventTime: { path: ["at"] },
        },
        autostart: true,
        dedupWindow: 5,
      },
    ]);
    const [source] = sources;
    expect(source?.request.url.render(values)).toBe("http://x.test/a?b=1");
    expect(source?.request.headers.map(([name, value]) => [name, value.render(values)])).toEqual([
      ["authorization", "Bearer {{ abc }}"],
    ]);
  });

  it("may have any password in the address", () => {
    expect(load({ SOURCE_URL: "http://me:50%@x.test/" }).sources[0]?.auth).toMatchObject({
      password: { value: "50%" },
    });
  });

  it("have defaults but for the address", () => {
    expect(load({ SOURCE_URL: "https://x.test/a" }).sources).toMatchObject([
      { name: "default", schedule: { intervalMs: 2000 }, autostart: false, dedupWindow: 100_000 },
    ]);
    expect(problems({})).toEqual([
      "SOURCE_URL: must be set: the http:// or https:// address of the API to poll; or write apispool.yaml",
    ]);
  });

  it("are said all at once when they are wrong, and not repeated", () => {
    const found = problems({
      SOURCE_URL: "hush://hush",
      SOURCE_NAME: "hush hush",
      SOURCE_RECORDS: "hush[",
      SOURCE_HEADERS: '{"x":1,"bad name":"hush","y":"hush\\nhush"}',
      SOURCE_INTERVAL: "hush",
      SOURCE_AUTOSTART: "hush",
    });
    expect(found.map((problem) => problem.split(":")[0] ?? "").toSorted((a, b) => (a < b ? -1 : 1))).toEqual([
      "SOURCE_AUTOSTART",
      "SOURCE_HEADERS.bad name",
      "SOURCE_HEADERS.x",
      "SOURCE_HEADERS.y",
      "SOURCE_INTERVAL",
      "SOURCE_NAME",
      "SOURCE_RECORDS",
      "SOURCE_URL",
    ]);
    expect(found.join()).not.toContain("hush");
    expect(problems({ SOURCE_URL: "http://x.test", SOURCE_HEADERS: "hush" })).toEqual([
      'SOURCE_HEADERS: must be a JSON object of strings, such as {"authorization":"Bearer …"}',
    ]);
  });
});

describe("a source", () => {
  it("is compiled", () => {
    const source = only(issue, { TOKEN: "t" });
    expect(source).toMatchObject({
      request: { method: "GET", shownUrl: "https://x.test/feed", urlFromAnswer: false, body: undefined },
      auth: { type: "bearer", token: { kind: "value", value: "t" } },
      network: { timeoutMs: 10_000, connectTimeoutMs: 10_000, maxRedirects: 5, proxy: undefined, allowHosts: [] },
      schedule: { kind: "interval", intervalMs: 30_000, jitter: 0, adaptive: false },
      retry: { maxAttempts: 2, initialMs: 500, maxMs: 60_000, openAfter: 5 },
      rateLimit: { requests: 5, perMs: 1000 },
      pagination: { type: "link_header", maxPages: 1000, stopWhen: undefined },
      cursor: { type: "time", overlap: 300_000, initial: "2020-01-01T00:00:00Z", format: "rfc3339" },
      extract: { format: "json", id: [{ path: ["id"] }, { path: ["net"] }], csv: { delimiter: ",", header: true } },
      dedupWindow: 5,
      topic: { partitions: 3, retentionMs: 604_800_000, replication: undefined },
      parent: undefined,
      autostart: true,
    });
    expect(source.request.query.map(([name, value]) => [name, value.render(values)])).toEqual([
      ["since", "2020-01-01T00:00:00Z"],
      ["n", "1.10"],
      ["tag", "a"],
      ["tag", "b"],
    ]);
  });

  it("takes every kind of secret, body, pagination and auth", () => {
    const [a, b, c] = sourcesOf(`
sources:
  a:
    url: http://x.test/{{ parent.id }}
    parent: b
    auth: { type: oauth2_client_credentials, token_url: http://x.test/t, client_id: i, client_secret: { file: s } }
    body: { json: { query: "{ a }", variables: { n: 5, after: "{{ parent.id }}", deep: [true, null] } } }
    pagination: { type: cursor, from: { header: X-Next }, into: { body: variables.after }, has_more: more }
    tls: { server_name: s, ca: c }
  b:
    url: http://x.test/
    auth: { type: api_key, name: X-Key, key: { command: [vault, read], ttl: 1m } }
    body: { form: { a: 1, b: "{{ now | format('unix') }}" } }
    pagination: { type: page, size_param: per_page, size: 50, max_pages: 3, stop_when: "length(@) == \`0\`" }
    cron: "*/5 * * * *"
    time_zone: Europe/Berlin
  c:
    url: http://x.test/
    auth: { type: mtls, cert: c.pem, key: k.pem }
    method: PUT
    body: { text: "<a/>", content_type: text/xml }
    format: csv
    charset: latin1
    max_bytes: 1GiB
    csv: { delimiter: ";", header: false, columns: [x, y] }
    pagination: { type: offset }
`);
    expect(a).toMatchObject({
      request: { method: "POST", body: { kind: "json" } },
      parent: { source: "b" },
      auth: { clientSecret: { kind: "file", path: "s" }, scopes: [], audience: undefined, clientAuth: "basic" },
      pagination: { from: { header: "X-Next" }, into: { body: "variables.after" }, hasMore: { path: ["more"] } },
      network: { tls: { serverName: "s", caFile: "c" } },
    });
    const body = a?.request.body;
    expect(body?.kind === "json" ? body.value : undefined).toMatchObject({ variables: { n: 5, deep: [true, null] } });
    expect(b).toMatchObject({
      auth: { in: "header", key: { kind: "command", command: ["vault", "read"], ttlMs: 60_000 } },
      schedule: { kind: "cron", expression: "*/5 * * * *", timeZone: "Europe/Berlin" },
      pagination: { param: "page", first: 1, sizeParam: "per_page", size: 50, maxPages: 3, totalPages: undefined },
    });
    expect(b?.pagination.stopWhen?.evaluate([])).toBe(true);
    expect(c).toMatchObject({
      request: { method: "PUT", body: { kind: "text", contentType: "text/xml" } },
      auth: { type: "none" },
      network: { maxBytes: 2 ** 30, tls: { certFile: "c.pem", keyFile: "k.pem" } },
      extract: { charset: "windows-1252", csv: { delimiter: ";", header: false, columns: ["x", "y"] } },
      pagination: { type: "offset", param: "offset", first: 0, limitParam: "limit", limit: 100, total: undefined },
    });
  });

  it("takes what it does not give from the defaults", () => {
    const [a, b] = sourcesOf(`
x-common: &common { timeout: 9s }
defaults:
  headers: { User-Agent: apispool, Accept: text/plain }
  interval: 1m
  jitter: 0.1
  retry: { max_attempts: 7, initial: 2s }
  auth: { type: bearer, token: t }
sources:
  a: { url: "http://x.test/", headers: { accept: application/json }, retry: { initial: 1s }, <<: *common }
  b: { url: "http://x.test/", cron: "* * * * *", auth: { type: none } }
`);
    expect(a?.request.headers.map(([name, value]) => [name, value.render(values)])).toEqual([
      ["User-Agent", "apispool"],
      ["accept", "application/json"],
    ]);
    expect(a).toMatchObject({
      schedule: { intervalMs: 60_000, jitter: 0.1 },
      retry: { maxAttempts: 7, initialMs: 1000 },
      network: { timeoutMs: 9000 },
      auth: { type: "bearer" },
    });
    expect(b).toMatchObject({ schedule: { kind: "cron", jitter: 0 }, auth: { type: "none" } });
  });

  it("shows its address without secrets", () => {
    const env = { BOT_TOKEN: "hush", HOST: "x.test" };
    const at = (url: string): string => only(`sources: { a: { url: "${url}" } }`, env).request.shownUrl;
    expect(at("https://${HOST}/bot${BOT_TOKEN}/get?api_key=hush&q=${HOST}&token={{ now }}")).toBe(
      "https://x.test/bot${BOT_TOKEN}/get?api_key=***&q=x.test&token=***",
    );
  });
});

describe("a source's fingerprint", () => {
  const base = `sources: { a: { url: "http://x.test/\${SECRET_KEY}", headers: { Authorization: "Bearer t" }, interval: 1s,
    query: { q: a, api_key: k }, body: { json: { q: 1, token: t } }, records: r, cursor: { field: f, overlap: 1m },
    auth: { type: basic, username: u, password: p } } }`;
  const of = (text: string, env: Env = { SECRET_KEY: "1" }): string => only(text, env).fingerprint;

  it("is the same when a secret or the pace changes", () => {
    const others = [
      base.replace("Bearer t", "Bearer u"),
      base.replace("interval: 1s", "interval: 2s, rate_limit: { requests: 1 }, retry: { initial: 1s }, timeout: 1s"),
      base.replace("api_key: k", "api_key: l"),
      base.replace("token: t }", "token: u }"),
      base.replace("password: p", "password: q"),
      base.replace("1m", "2m"),
      base.replace("records: r", "records:   'r'"),
    ];
    expect(others.map((text) => of(text))).toEqual(others.map(() => of(base)));
    expect(of(base, { SECRET_KEY: "2" })).toBe(of(base));
  });

  it("is another one when an answer means something else", () => {
    const others = [
      base.replace("x.test/", "x.test/b/"),
      base.replace("q: a", "q: b"),
      base.replace("q: 1", "q: '1'"),
      base.replace("records: r", "records: s"),
      base.replace("field: f", "field: g"),
      base.replace("records: r", "records: r, filter: x"),
      base.replace("records: r", "records: r, pagination: { type: page }"),
      base.replace("records: r", "records: r, method: PUT"),
    ];
    expect(new Set([of(base), ...others.map((text) => of(text))]).size).toBe(others.length + 1);
  });
});

describe("two configurations", () => {
  it("differ by source", () => {
    const file = (lines: string): readonly SourceConfig[] => sourcesOf(`sources:\n${lines}`, { TOKEN: "t" });
    const before = file("  a: {url: 'http://x.test/a'}\n  b: {url: 'http://x.test/b'}\n  c: {url: 'http://x.test/c'}");
    const after = file(
      "  c: {interval: 9s, url: 'http://x.test/c'}\n  d: {url: 'http://x.test/d'}\n  a: {url: \"http://x.test/a\"}",
    );
    const diff = diffSources(before, after);
    const names = (sources: readonly SourceConfig[]): readonly string[] => sources.map(({ name }) => name);
    expect(names(diff.added)).toEqual(["d"]);
    expect(names(diff.removed)).toEqual(["b"]);
    expect(names(diff.changed)).toEqual(["c"]);
    expect(diff.changed[0]).toBe(after[0]);
    expect(diff.unchanged).toEqual([before[0]]);
  });

  it("differ when only a secret does", () => {
    const text = "sources: {a: {url: 'http://x.test/', auth: {type: bearer, token: '${TOKEN}'}}}";
    const diff = diffSources(sourcesOf(text, { TOKEN: "1" }), sourcesOf(text, { TOKEN: "2" }));
    expect(diff.changed).toHaveLength(1);
  });
});
