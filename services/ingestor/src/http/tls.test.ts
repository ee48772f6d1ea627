import { copyFileSync } from "node:fs";
import type { TLSSocket } from "node:tls";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "@jest/globals";
import { FakeApi } from "../testing/fake-api.js";
import { FakeProxy } from "../testing/fake-proxy.js";
import { TestClient } from "../testing/http-source.js";
import { TestCertificates, haveOpenssl } from "../testing/test-certificates.js";

const lookup = (
  _host: string,
  _options: unknown,
  done: (error: null, address: { address: string; family: number }[]) => void,
) => done(null, [{ address: "127.0.0.1", family: 4 }]);

(haveOpenssl ? describe : describe.skip)("TLS", () => {
  let certificates: TestCertificates;
  const servers: FakeApi[] = [];
  beforeAll(() => {
    certificates = new TestCertificates();
  });
  afterAll(() => certificates[Symbol.dispose]());
  afterEach(async () => {
    for (const server of servers.splice(0)) await server[Symbol.asyncDispose]();
  });

  const serve = async (tls: object, host = "127.0.0.1"): Promise<FakeApi> => {
    const api = await FakeApi.start({ host, tls });
    servers.push(api);
    api.answer((request, response) => {
      const { CN } = (request.socket as TLSSocket).getPeerCertificate().subject ?? {};
      response.end(`hello ${String(CN ?? "stranger")}`);
    });
    return api;
  };
  const tls = (more: object = {}) => ({
    caFile: certificates.authority.certFile,
    certFile: undefined,
    keyFile: undefined,
    serverName: undefined,
    ...more,
  });

  it("trusts whom tls.ca vouches for", async () => {
    const api = await serve(certificates.signed("server", "IP:127.0.0.1"));
    using client = new TestClient(api.url, { network: { tls: tls() } });
    expect(await client.text()).toBe("hello stranger");
  });

  it("says what is wrong with a certificate", async () => {
    const cases = [
      [certificates.signed("expired", "IP:127.0.0.1", { expired: true }), tls(), "has expired"],
      [certificates.selfSigned("own", "IP:127.0.0.1"), tls(), "self-signed"],
      [certificates.signed("other", "DNS:other.test"), tls(), "for another name"],
      [certificates.signed("unknown", "IP:127.0.0.1"), tls({ caFile: undefined }), "set tls.ca"],
    ] as const;
    for (const [certificate, config, text] of cases) {
      const api = await serve(certificate);
      using client = new TestClient(api.url, { network: { tls: config } });
      expect(await client.failure()).toMatchObject({ kind: "tls", message: expect.stringContaining(text) });
      expect(api.requests).toHaveLength(0);
    }
  });

  it("asks for the name in tls.server_name", async () => {
    const api = await serve(certificates.signed("named", "DNS:named.test"));
    using client = new TestClient(api.url, { network: { tls: tls({ serverName: "named.test" }) } });
    expect(await client.text()).toBe("hello stranger");
  });

  describe("with a client certificate", () => {
    const mutual = (certificate: object, more: object = {}) => ({
      ...certificate,
      ca: certificates.authority.cert,
      requestCert: true,
      rejectUnauthorized: true,
      ...more,
    });
    const own = (name: string) => {
      const { certFile, keyFile } = certificates.signed(name, `DNS:${name}`);
      return { certFile, keyFile };
    };

    it("shows it, and a new one when the files change", async () => {
      const api = await serve(mutual(certificates.signed("server", "IP:127.0.0.1")));
      const first = own("first");
      using client = new TestClient(api.url, { network: { tls: tls(first) } });
      expect(await client.text()).toBe("hello first");
      const second = own("second");
      copyFileSync(second.keyFile, first.keyFile);
      copyFileSync(second.certFile, first.certFile);
      expect(await client.text()).toBe("hello second");
    });

    it("says that one is wanted", async () => {
      const api = await serve(mutual(certificates.signed("server", "IP:127.0.0.1")));
      using client = new TestClient(api.url, { network: { tls: tls() } });
      expect(await client.failure()).toMatchObject({ kind: "tls", message: expect.stringContaining("tls.cert") });
    });

    it("does not show it to another server", async () => {
      const api = await serve(certificates.signed("server", "IP:127.0.0.1"));
      const other = await serve(
        mutual(certificates.signed("elsewhere", "IP:127.0.0.2"), { rejectUnauthorized: false }),
        "127.0.0.2",
      );
      api.answer((_request, response) => response.writeHead(302, { location: other.url }).end());
      using client = new TestClient(api.url, { network: { tls: tls(own("me")), allowHosts: ["127.0.0.2"] } });
      expect(await client.text()).toBe("hello stranger");
      expect(other.requests).toHaveLength(1);
    });

    it("says that its files do not belong together", async () => {
      const api = await serve(mutual(certificates.signed("server", "IP:127.0.0.1")));
      const mixed = { certFile: own("one").certFile, keyFile: own("two").keyFile };
      using client = new TestClient(api.url, { network: { tls: tls(mixed) } });
      expect(await client.failure()).toMatchObject({
        kind: "config",
        message: expect.stringContaining("belong together"),
      });
      using missing = new TestClient(api.url, { network: { tls: tls({ certFile: "/no/such.pem" }) } });
      expect(await missing.failure()).toMatchObject({
        kind: "tls",
        message: expect.stringContaining("tls.cert /no/such.pem"),
      });
    });

    it("shows it through a proxy's tunnel, too", async () => {
      await using proxy = await FakeProxy.start();
      const api = await serve(mutual(certificates.signed("proxied", "DNS:api.test")));
      using client = new TestClient(api.at("api.test"), {
        network: { tls: tls(own("me")), proxy: `http://127.0.0.1:${proxy.port}` },
      });
      expect(await client.text()).toBe("hello me");
      expect(await client.text()).toBe("hello me");
      expect(proxy.requests).toEqual([`CONNECT api.test:${api.port}`]);
    });
  });

  it("does not go from https to http", async () => {
    const api = await serve(certificates.signed("server", "DNS:api.test"));
    await using plain = await FakeApi.start();
    using client = new TestClient(api.at("api.test"), { network: { tls: tls() } }, { lookup });
    api.answer((_request, response) => response.writeHead(302, { location: plain.at("api.test") }).end());
    expect(await client.failure()).toMatchObject({
      kind: "blocked",
      message: expect.stringContaining("from https to http"),
    });
    expect(await client.failure({ url: plain.at("api.test"), fromAnswer: true })).toMatchObject({ kind: "blocked" });
    expect(plain.requests).toHaveLength(0);
  });
});
