import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "@jest/globals";
import { EnvReader } from "@apispool/common/env.js";
import { serviceTlsFromEnv } from "@apispool/common/service-tls.js";
import { tlsSettingsFromEnv } from "@apispool/gateway/tls/settings.js";
import { root } from "../harness/paths.js";

describe("the commands in docs/tls.md", () => {
  const dir = mkdtempSync(join(tmpdir(), "apispool-tls-docs-"));
  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  it("make an authority and certificates that the services take", () => {
    const page = readFileSync(join(root, "docs", "tls.md"), "utf8");
    const [, commands = ""] = /<!-- run: authority -->\s+```bash\n(.*?)```/s.exec(page) ?? [];
    execFileSync("bash", ["-euc", commands], { cwd: dir, stdio: "pipe" });
    const at = (name: string): string => join(dir, name);
    const env = new EnvReader({
      TLS_CERT_FILE: at("gateway.crt"),
      TLS_KEY_FILE: at("gateway.key"),
      TLS_CLIENT_CA_FILE: at("ca.crt"),
      SERVICE_TLS_CERT_FILE: at("service.crt"),
      SERVICE_TLS_KEY_FILE: at("service.key"),
      SERVICE_TLS_CA_FILE: at("ca.crt"),
    });
    expect([tlsSettingsFromEnv(env)?.clientCertificates, serviceTlsFromEnv(env)?.ca]).toEqual([
      "required",
      at("ca.crt"),
    ]);
    env.done();
    for (const [name, purpose] of [
      ["gateway", "sslserver"],
      ["service", "sslserver"],
      ["service", "sslclient"],
      ["alice", "sslclient"],
    ] as const) {
      const verify = ["verify", "-purpose", purpose, "-CAfile", at("ca.crt"), at(`${name}.crt`)];
      expect(execFileSync("openssl", verify, { encoding: "utf8" })).toContain(": OK");
    }
  });
});
