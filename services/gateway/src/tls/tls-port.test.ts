import { execFile } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import http2 from "node:http2";
import net from "node:net";
import tls from "node:tls";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "@jest/globals";
import { createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import { DataReader } from "@apispool/contracts/apispool/v1/data_reader_pb.js";
import { EnvReader } from "@apispool/common/env.js";
import { silentLogger } from "@apispool/common/logger.js";
import { type Issued, TestAuthority } from "@apispool/common/testing/certificates.js";
import { WatchedTls } from "@apispool/common/watched-tls.js";
import { Harness, curl, eventually } from "../testing/harness.js";
import { http1Get, http2Get } from "../testing/raw-client.js";
import { tlsSettingsFromEnv } from "./settings.js";

let authority: TestAuthority;
let stranger: TestAuthority;
let server: Issued;
beforeAll(() => {
  authority = new TestAuthority();
  stranger = new TestAuthority("somebody else");
  server = authority.issue("gateway", { usage: "serverAuth" });
});
afterAll(() => {
  authority.remove();
  stranger.remove();
});

/** What a client shows that has a certificate. */
const read = ({ cert, key }: Issued): tls.ConnectionOptions => ({ cert: readFileSync(cert), key: readFileSync(key) });

const text = async (socket: net.Socket): Promise<string> => {
  let all = "";
  socket.on("data", (chunk: Buffer) => (all += chunk.toString("latin1")));
  await once(socket, "close");
  return all;
};

/** What a TLS client is told that asks for a path. */
async function ask(port: number, options: tls.ConnectionOptions): Promise<string> {
  const socket = tls.connect({ port, host: "127.0.0.1", ca: authority.caText, ...options });
  await once(socket, "secureConnect");
  socket.write(http1Get("/livez", "connection: close\r\n"));
  return await text(socket);
}

describe("a port that speaks TLS", () => {
  let harness: Harness;
  beforeAll(async () => {
    harness = await Harness.start({ tls: { files: server, clientCertificates: "none" } }, undefined, undefined, {
      ca: authority.caText,
    });
    harness.reader.add(['{"n":0}']);
  });
  afterAll(() => harness.stop());

  it("says so to cleartext HTTP/1.1", async () => {
    const socket = net.connect(harness.port, "127.0.0.1");
    socket.write(http1Get("/data"));
    const answer = await text(socket);
    expect(answer).toMatch(/^HTTP\/1.1 400 Bad Request\r\n/);
    expect(answer).toContain("this port speaks TLS");
  });

  it("says so to cleartext HTTP/2, by GOAWAY", async () => {
    const socket = net.connect(harness.port, "127.0.0.1");
    socket.write(http2Get("/data"));
    expect(await text(socket)).toContain("this port speaks TLS");
    const session = http2.connect(`http://127.0.0.1:${harness.port}`);
    session.on("error", () => {});
    const [code] = (await once(session, "goaway")) as [number];
    expect(code).toBe(http2.constants.NGHTTP2_INADEQUATE_SECURITY);
    session.destroy();
  });

  it.each(["TLSv1", "TLSv1.1"] as const)("refuses %s", async (version) => {
    const old = { minVersion: version, maxVersion: version, ciphers: "DEFAULT@SECLEVEL=0" };
    await expect(ask(harness.port, old)).rejects.toThrow(/protocol version|alert/);
  });

  it.each(["TLSv1.2", "TLSv1.3"] as const)("takes %s", async (version) => {
    expect(await ask(harness.port, { minVersion: version, maxVersion: version })).toMatch(/^HTTP\/1.1 200/);
  });

  it("is refused itself by clients that do not know its authority, or call it by another name", async () => {
    await expect(ask(harness.port, { ca: stranger.caText })).rejects.toThrow(/unable to|certificate/);
    await expect(ask(harness.port, { servername: "other.example" })).rejects.toThrow("does not match");
  });

  it("is spoken to by curl, by Node and by Connect's clients", async () => {
    for (const option of ["--http1.1", "--http2"]) {
      expect(await curl(option, "--cacert", authority.ca, `${harness.url}/livez`)).toContain("alive");
    }
    const nodeOptions = { ca: authority.caText };
    const transports = [
      createGrpcTransport({ baseUrl: harness.url, nodeOptions }),
      createConnectTransport({ baseUrl: harness.url, httpVersion: "2", nodeOptions }),
      createConnectTransport({ baseUrl: harness.url, httpVersion: "1.1", nodeOptions }),
    ];
    for (const [n, transport] of transports.entries()) {
      const records: unknown[] = [];
      for await (const { records: some } of createClient(DataReader, transport).fetchUnread({ reader: `c${n}` })) {
        records.push(...some);
      }
      expect(records).toHaveLength(1);
      await eventually(() => harness.reader.positionOf(`c${n}`) === 1);
    }
  });

  it("is spoken to by grpcurl, where there is one", async () => {
    const found = await new Promise<string | undefined>((resolve) => {
      const call = ["-cacert", authority.ca, `127.0.0.1:${harness.port}`, "grpc.health.v1.Health/Check"];
      execFile("grpcurl", call, (error, stdout) =>
        resolve(
          (error as NodeJS.ErrnoException | null)?.code === "ENOENT" ? undefined : stdout + (error?.message ?? ""),
        ),
      );
    });
    if (found !== undefined) expect(found).toContain("SERVING");
  });
});

describe("client certificates", () => {
  let harness: Harness;
  afterEach(() => harness.stop());
  const start = async (clientCertificates: "optional" | "required"): Promise<Issued> => {
    const client = authority.issue("alice", { usage: "clientAuth" });
    const files = { ...server, ca: authority.ca };
    harness = await Harness.start({ tls: { files, clientCertificates } }, undefined, undefined, {
      ca: authority.caText,
      ...read(client),
    });
    return client;
  };

  it("are asked for, and what is wrong with one is said", async () => {
    const client = await start("required");
    expect(await ask(harness.port, read(client))).toMatch(/^HTTP\/1.1 200/);
    const none = await ask(harness.port, {});
    expect(none).toMatch(/^HTTP\/1.1 401/);
    expect(none).toContain("a client certificate is required here, and none was shown");
    expect(await ask(harness.port, read(stranger.issue("alice")))).toContain("an authority that is not trusted");
    expect(await ask(harness.port, read(authority.issue("late", { expired: true })))).toContain("it has expired");
    const forServers = await ask(harness.port, read(authority.issue("server", { usage: "serverAuth" })));
    expect(forServers).toContain("not made for clients");
    const session = http2.connect(harness.url, { ca: authority.caText });
    session.on("error", () => {});
    const [code, , why] = (await once(session, "goaway")) as [number, number, Buffer];
    expect([code, String(why)]).toEqual([12, "a client certificate is required here, and none was shown"]);
    session.destroy();
  });

  it("are optional where that is said, but a wrong one is not passed over", async () => {
    await start("optional");
    expect(await ask(harness.port, {})).toMatch(/^HTTP\/1.1 200/);
    expect(await ask(harness.port, read(stranger.issue("alice")))).toMatch(/^HTTP\/1.1 401/);
  });
});

describe("certificates in files", () => {
  const lines: string[] = [];
  const note = (line: unknown): void => void lines.push(String(line));
  const log = { ...silentLogger, info: note, warn: note, error: note } as unknown as typeof silentLogger;

  it("are read again when they change; those that cannot be used keep the old ones", () => {
    const files = { cert: `${authority.dir}/live.crt`, key: `${authority.dir}/live.key` };
    const use = (issued: Issued): void => {
      copyFileSync(issued.cert, files.cert);
      copyFileSync(issued.key, files.key);
    };
    use(server);
    const watched = new WatchedTls(files, log, 3_600_000);
    const first = watched.current;
    let told = 0;
    watched.onChange(() => (told += 1));
    watched.look();
    expect([watched.current, told]).toEqual([first, 0]);
    writeFileSync(files.cert, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    watched.look();
    watched.look();
    expect(watched.current).toBe(first);
    expect(lines.filter((line) => line.includes("are kept"))).toEqual([
      expect.stringContaining(`${files.cert} holds a damaged certificate`),
    ]);
    copyFileSync(authority.issue("next").cert, files.cert);
    watched.look();
    expect(lines.at(-1)).toContain("is not the one of the certificate");
    use(authority.issue("next"));
    watched.look();
    expect(told).toBe(1);
    expect(watched.current).not.toEqual(first);
    watched.close();
  });

  it("are used by new handshakes, without a restart", async () => {
    const files = { cert: `${authority.dir}/port.crt`, key: `${authority.dir}/port.key` };
    copyFileSync(server.cert, files.cert);
    copyFileSync(server.key, files.key);
    const harness = await Harness.start({ tls: { files, clientCertificates: "none" } }, undefined, undefined, {
      ca: authority.caText,
    });
    const shown = async (): Promise<string | undefined> => {
      const socket = tls.connect({ port: harness.port, host: "127.0.0.1", ca: authority.caText });
      await once(socket, "secureConnect");
      const { subject } = socket.getPeerCertificate();
      socket.destroy();
      return subject.CN as string;
    };
    expect(await shown()).toBe("gateway");
    const next = authority.issue("renewed");
    copyFileSync(next.cert, files.cert);
    copyFileSync(next.key, files.key);
    await eventually(async () => (await shown()) === "renewed");
    await harness.stop();
  });

  const settings = (env: Record<string, string>): unknown => {
    const reader = new EnvReader(env);
    const read = tlsSettingsFromEnv(reader);
    reader.done();
    return read;
  };

  it("may have a passphrase, in a file of its own", () => {
    const { cert, key } = authority.issue("sealed", { passphrase: "open sesame" });
    const env = { TLS_CERT_FILE: cert, TLS_KEY_FILE: key };
    const passphrase = authority.file("passphrase", "open sesame\n");
    expect(settings({ ...env, TLS_KEY_PASSPHRASE_FILE: passphrase })).toMatchObject({ clientCertificates: "none" });
    expect(() => settings(env)).toThrow(/TLS_KEY_FILE: the key in .* has a passphrase/);
    const wrong = authority.file("wrong", "open barley");
    expect(() => settings({ ...env, TLS_KEY_PASSPHRASE_FILE: wrong })).toThrow(
      /TLS_KEY_PASSPHRASE_FILE: .* does not open/,
    );
  });

  it("are looked at before anything starts", () => {
    const { cert, key } = server;
    expect(settings({})).toBeUndefined();
    expect(() => settings({ TLS_CERT_FILE: cert })).toThrow("TLS_KEY_FILE: must be set where TLS_CERT_FILE is");
    expect(() => settings({ TLS_CERT_FILE: key, TLS_KEY_FILE: key })).toThrow("TLS_CERT_FILE: ");
    expect(() => settings({ TLS_CERT_FILE: cert, TLS_KEY_FILE: cert })).toThrow(
      /TLS_KEY_FILE: .* holds no private key/,
    );
    const required = { TLS_CERT_FILE: cert, TLS_KEY_FILE: key, TLS_CLIENT_CERTIFICATES: "required" };
    expect(() => settings(required)).toThrow("TLS_CLIENT_CERTIFICATES: ");
    expect(settings({ ...required, TLS_CLIENT_CA_FILE: authority.ca })).toMatchObject({
      clientCertificates: "required",
    });
  });
});

describe("TLS between the services", () => {
  it("lets the gateway in with its certificate, and nobody without", async () => {
    const serviceTls = { ...authority.issue("service"), ca: authority.ca };
    const harness = await Harness.start({ serviceTls });
    harness.reader.add(['{"n":0}']);
    expect(await curl(`${harness.url}/data?reader=mutual`)).toContain('"n":0');
    await eventually(() => harness.reader.positionOf("mutual") === 1);
    const port = Number(harness.reader.server?.port);
    const call = async (own: tls.ConnectionOptions): Promise<unknown> => {
      const transport = createGrpcTransport({
        baseUrl: `https://127.0.0.1:${port}`,
        nodeOptions: { ca: authority.caText, ...own },
      });
      return await createClient(DataReader, transport).listReaders({});
    };
    await expect(call({})).rejects.toThrow(/certificate required|alert/);
    await expect(call(read(stranger.issue("gateway")))).rejects.toThrow(/alert|certificate|reset|closed|hang up/i);
    const cleartext = createGrpcTransport({ baseUrl: `http://127.0.0.1:${port}` });
    await expect(createClient(DataReader, cleartext).listReaders({})).rejects.toThrow();
    await harness.stop();
  });
});
