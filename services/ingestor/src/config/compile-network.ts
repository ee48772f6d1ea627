import type { At } from "./at.js";
import { bytes, checkAddress, milliseconds, secretSource } from "./compile-values.js";
import type { Problems } from "./problems.js";
import type { SourceFile } from "./schema.js";
import type { apiKey, AuthFile, basic, bearer, mtls, oauth2 } from "./schema-auth.js";
import type { Static } from "typebox";
import type { AuthConfig, NetworkConfig, TlsConfig } from "./source-config.js";

const hour = 3_600_000;

export function compileAuth(at: At<AuthFile> | undefined, problems: Problems): AuthConfig {
  const type = at?.value.type ?? "none";
  switch (type) {
    case "none":
    // The certificate is TLS's.
    case "mtls":
      return { type: "none" };
    case "basic": {
      const auth = at as At<Static<typeof basic>>;
      const username = auth.need("username");
      if (username.value.includes(":")) problems.add(username.place, "must be without a colon (RFC 7617)");
      return { type, username: username.value, password: secretSource(auth.need("password"), problems) };
    }
    case "bearer":
      return { type, token: secretSource((at as At<Static<typeof bearer>>).need("token"), problems) };
    case "api_key": {
      const auth = at as At<Static<typeof apiKey>>;
      const name = auth.need("name");
      const place = auth.get("in")?.value ?? "header";
      if (place === "header" && !/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name.value)) {
        problems.add(name.place, "is wrong; must be the name of an HTTP header");
      }
      return { type, in: place, name: name.value, key: secretSource(auth.need("key"), problems) };
    }
    case "oauth2_client_credentials": {
      const auth = at as At<Static<typeof oauth2>>;
      return {
        type,
        tokenUrl: checkAddress(auth.need("token_url"), problems),
        clientId: auth.need("client_id").value,
        clientSecret: secretSource(auth.need("client_secret"), problems),
        scopes: auth.get("scopes")?.value ?? [],
        audience: auth.get("audience")?.value,
        clientAuth: auth.get("client_auth")?.value ?? "basic",
      };
    }
  }
}

export function compileNetwork(at: At<SourceFile>, problems: Problems): NetworkConfig {
  const timeout = at.get("timeout");
  const connect = at.get("connect_timeout");
  const timeoutMs = milliseconds(timeout, { fallback: 30_000, min: 10, max: 24 * hour }, problems);
  const connectTimeoutMs = milliseconds(
    connect,
    { fallback: Math.min(10_000, timeoutMs), min: 10, max: hour },
    problems,
  );
  if (connect !== undefined && timeout !== undefined && connectTimeoutMs > timeoutMs) {
    problems.add(connect.place, "is longer than timeout, which holds for the whole request; must be at most as long");
  }
  const format = at.get("format")?.value ?? "json";
  // A document is read as a whole, and JavaScript's texts end at 512 MiB; lines are streamed.
  const max = format === "json" || format === "xml" ? 512 * 2 ** 20 : 2 ** 40;
  const proxy = at.get("proxy");
  if (
    proxy !== undefined &&
    proxy.value !== "environment" &&
    !/^https?:$/.test(URL.parse(proxy.value)?.protocol ?? "")
  ) {
    problems.add(proxy.place, 'is wrong; must be the http:// or https:// address of a proxy, or "environment"');
  }
  return {
    connectTimeoutMs,
    timeoutMs,
    maxBytes: bytes(at.get("max_bytes"), { fallback: 64 * 2 ** 20, min: 1, max }, problems),
    maxRedirects: at.get("redirects")?.value ?? 5,
    proxy: proxy?.value,
    tls: compileTls(at, problems),
    allowHosts: at.get("allow_hosts")?.value ?? [],
  };
}

function compileTls(at: At<SourceFile>, problems: Problems): TlsConfig {
  const tls = at.get("tls");
  const auth = at.get("auth");
  const certificate = auth?.value.type === "mtls" ? (auth as At<Static<typeof mtls>>) : undefined;
  const cert = tls?.get("cert");
  const key = tls?.get("key");
  if (cert !== undefined && key === undefined)
    problems.add(cert.place, "has no key beside it; tls needs cert and key, or neither");
  if (key !== undefined && cert === undefined)
    problems.add(key.place, "has no cert beside it; tls needs cert and key, or neither");
  if (certificate !== undefined && (cert ?? key) !== undefined) {
    problems.add(certificate.place, "is mtls, but tls has a certificate too; write it in one place");
  }
  return {
    caFile: tls?.get("ca")?.value,
    certFile: certificate?.need("cert").value ?? cert?.value,
    keyFile: certificate?.need("key").value ?? key?.value,
    serverName: tls?.get("server_name")?.value,
  };
}
