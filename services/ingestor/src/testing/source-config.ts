import type { SourceConfig, Template } from "../config/source-config.js";
import { displayUrl } from "../source-url.js";

/** Text without anything to fill in. */
export function constant(text: string): Template {
  return { text, constant: true, render: () => text };
}

/** A template that is filled in by a function. */
export function template(text: string, render: Template["render"]): Template {
  return { text, constant: false, render };
}

/** What tests say of a source; everything else has a default that suits them. */
export interface SimpleSource extends Partial<Omit<SourceConfig, "request" | "schedule" | "pagination" | "extract">> {
  readonly url?: string;
  readonly request?: Partial<SourceConfig["request"]>;
  readonly intervalMs?: number;
  readonly timeoutMs?: number;
  readonly schedule?: SourceConfig["schedule"];
  readonly pagination?: SourceConfig["pagination"];
  readonly extract?: Partial<SourceConfig["extract"]>;
}

/** A whole configuration of a source that is polled every 30 ms. */
export function sourceConfig(simple: SimpleSource): SourceConfig {
  const { url = "http://127.0.0.1:1/", intervalMs = 30, timeoutMs = 5000, request, extract, ...rest } = simple;
  const config = {
    name: "things",
    auth: { type: "none" },
    network: {
      connectTimeoutMs: 2000,
      timeoutMs,
      maxBytes: 64_000_000,
      maxRedirects: 5,
      proxy: undefined,
      tls: { caFile: undefined, certFile: undefined, keyFile: undefined, serverName: undefined },
      allowHosts: [],
    },
    schedule: { kind: "interval", intervalMs, adaptive: false, jitter: 0 },
    retry: { maxAttempts: 3, initialMs: 500, maxMs: 60_000, openAfter: 100 },
    rateLimit: undefined,
    pagination: { type: "none", maxPages: 1000, stopWhen: undefined },
    cursor: undefined,
    dedupWindow: 1000,
    topic: { partitions: 1, retentionMs: undefined, replication: undefined },
    parent: undefined,
    autostart: false,
    ...rest,
    request: {
      method: "GET",
      url: constant(url),
      shownUrl: displayUrl(url),
      urlFromAnswer: false,
      headers: [],
      query: [],
      body: undefined,
      ...request,
    },
    extract: {
      format: "json",
      charset: undefined,
      records: undefined,
      id: undefined,
      eventTime: undefined,
      key: undefined,
      filter: undefined,
      project: undefined,
      csv: { delimiter: ",", header: true, columns: undefined },
      maxRecordBytes: 8 * 1024 * 1024,
      ...extract,
    },
  } satisfies Omit<SourceConfig, "fingerprint" | "revision">;
  const fingerprint = simple.fingerprint ?? JSON.stringify([config.request, config.extract, config.pagination]);
  return { ...config, fingerprint, revision: JSON.stringify(config) };
}
