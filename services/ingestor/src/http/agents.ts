import http from "node:http";
import https from "node:https";
import type { LookupFunction } from "node:net";
import { getCACertificates } from "node:tls";
import type { TlsConfig } from "../config/source-config.js";
import { TlsFiles, type TlsMaterial } from "./tls-files.js";

/** Which connections may be shared: those of one kind only. */
export interface AgentKind {
  readonly secure: boolean;
  /** To the configured origin: with the client certificate. */
  readonly trusted: boolean;
  /** Kept out of private networks. */
  readonly guarded: boolean;
  readonly proxy: URL | undefined;
}

/** Connections that wait for the next poll are given up after this long, in milliseconds. */
const IDLE_MS = 60_000;
const MOST_IDLE = 4;

/**
 * The connections of one source. A guarded request never gets a connection that was made without looking where it
 * leads, nor one to another server the client certificate.
 */
export class Agents {
  readonly #tls: TlsConfig;
  readonly #files: TlsFiles;
  readonly #lookups: { readonly guarded: LookupFunction; readonly learning: LookupFunction };
  readonly #agents = new Map<string, http.Agent>();
  #version: string | undefined;

  constructor(tls: TlsConfig, lookups: { readonly guarded: LookupFunction; readonly learning: LookupFunction }) {
    this.#tls = tls;
    this.#files = new TlsFiles(tls);
    this.#lookups = lookups;
  }

  /** Fails with a PollError where a file cannot be read. */
  async agentFor(kind: AgentKind): Promise<http.Agent> {
    const material = kind.secure ? await this.#files.read() : undefined;
    if (material !== undefined && material.version !== this.#version) {
      this.#retire();
      this.#version = material.version;
    }
    const key = JSON.stringify([kind.secure, kind.trusted, kind.guarded, kind.proxy?.href ?? null]);
    const known = this.#agents.get(key);
    if (known !== undefined) return known;
    const agent = this.#create(kind, material);
    this.#agents.set(key, agent);
    return agent;
  }

  close(): void {
    for (const agent of this.#agents.values()) agent.destroy();
    this.#agents.clear();
  }

  #create({ trusted, guarded, proxy }: AgentKind, material: TlsMaterial | undefined): http.Agent {
    const options: http.AgentOptions = {
      keepAlive: true,
      maxFreeSockets: MOST_IDLE,
      scheduling: "lifo",
      timeout: IDLE_MS,
      // Node's own support for proxies: CONNECT for https, the whole address in the request line for http.
      ...(proxy === undefined
        ? { lookup: guarded ? this.#lookups.guarded : this.#lookups.learning }
        : { proxyEnv: { HTTP_PROXY: proxy.href, HTTPS_PROXY: proxy.href } }),
    };
    if (material === undefined) return new http.Agent(options);
    const { ca, cert, key } = material;
    const { serverName } = this.#tls;
    return new https.Agent({
      ...options,
      // The configured server is trusted by the given authority only; others (a download's host, a token endpoint)
      // may as well be known to the whole world.
      ...(ca === undefined ? {} : { ca: trusted ? ca : [...getCACertificates("default"), ca] }),
      ...(trusted && cert !== undefined ? { cert } : {}),
      ...(trusted && key !== undefined ? { key } : {}),
      ...(trusted && serverName !== undefined ? { servername: serverName } : {}),
    });
  }

  /** New files, new connections; what is under way ends on the old ones. */
  #retire(): void {
    for (const agent of this.#agents.values()) {
      agent.maxFreeSockets = 0;
      for (const sockets of Object.values(agent.freeSockets)) {
        for (const socket of sockets?.slice() ?? []) socket.destroy();
      }
    }
    this.#agents.clear();
  }
}
