import { describe, expect, it } from "@jest/globals";
import { EnvReader } from "@apispool/common/env.js";
import { parseAccess } from "./access-file.js";
import { findKey, makeKey } from "./api-keys.js";
import { accessSettingsFromEnv } from "./settings.js";

function settings(env: Record<string, string>, tls = false) {
  const reader = new EnvReader(env);
  const read = accessSettingsFromEnv(reader, { host: env["HOST"] ?? "127.0.0.1", tls });
  reader.done();
  return read;
}

describe("the gateway's start", () => {
  it.each([
    [{}, false],
    [{ HOST: "localhost" }, false],
    [{ HOST: "::1" }, false],
    [{ HOST: "127.3.2.1" }, false],
    [{ HOST: "0.0.0.0", PUBLISHED_HOST: "127.0.0.1" }, false],
    [{ HOST: "0.0.0.0", ACCESS_FILE: "a" }, true],
    [{ HOST: "0.0.0.0", ACCESS_FILE: "a", INSECURE: "no-tls" }, false],
    [{ HOST: "10.0.0.1", INSECURE: "true" }, false],
    [{ HOST: "0.0.0.0", INSECURE: "no-authentication" }, true],
  ] as const)("is possible with %j", (env, tls) => {
    expect(() => settings({ ...env }, tls)).not.toThrow();
  });

  it.each([
    [{ HOST: "0.0.0.0" }, true, /HOST: 0\.0\.0\.0 can be reached .* set ACCESS_FILE/],
    [{ HOST: "::" }, true, /ACCESS_FILE/],
    [{ HOST: "192.168.1.5", ACCESS_FILE: "a" }, false, /clear text: set up TLS/],
    [{ HOST: "0.0.0.0", PUBLISHED_HOST: "0.0.0.0" }, true, /PUBLISHED_HOST: 0\.0\.0\.0 can be reached/],
    [{ HOST: "127.0.0.1.example" }, true, /ACCESS_FILE/],
    [{ INSECURE: "yes" }, false, /INSECURE: "yes" is not true, false, or one or both of no-authentication, no-tls/],
    [{ ALLOWED_ORIGINS: "*" }, false, /ALLOWED_ORIGINS: "\*" needs ACCESS_FILE/],
    [{ ALLOWED_ORIGINS: "https://a.example/x" }, false, /no origin such as/],
    [{ RATE_LIMIT: "-1" }, false, /RATE_LIMIT/],
  ] as const)("is refused with %j", (env, tls, text) => {
    expect(() => settings({ ...env }, tls)).toThrow(text);
  });

  it("says aloud what is left out on purpose", () => {
    expect(settings({ HOST: "0.0.0.0", INSECURE: "true" }).warning).toBe(
      "INSECURE: 0.0.0.0 can be reached from other machines, without asking who calls and without TLS",
    );
    expect(settings({}).warning).toBeUndefined();
  });

  it("limits nobody on loopback, and everybody else", () => {
    expect(settings({}).rateLimit).toBeUndefined();
    expect(settings({ ACCESS_FILE: "a" }).rateLimit).toEqual({ perSecond: 200, burst: 400 });
    expect(settings({ RATE_LIMIT: "5", RATE_BURST: "7" }).rateLimit).toEqual({ perSecond: 5, burst: 7 });
  });
});

describe("the access file", () => {
  const { key, sha256 } = makeKey();

  it("finds a key by its hash only", () => {
    const { keys } = parseAccess(`{"keys":[{"name":"ci","role":"read","sha256":"${sha256}"}]}`);
    expect(findKey(key, keys)?.name).toBe("ci");
    expect(findKey(`${key}x`, keys)).toBeUndefined();
    expect(findKey(sha256, keys)).toBeUndefined();
    expect(findKey("", keys)).toBeUndefined();
  });

  it.each([
    ["keys: [", /^it is not YAML: line/],
    ["keys: 7", /^keys must be a list$/],
    ["[]", /the file must be a mapping/],
    ["users: []", /the file.users is unknown; known are roles, keys, jwt, certificates/],
    [
      "keys: [{name: ci, role: read, key: apispool_secret}]",
      /keys\[0\]\.key is unknown.*; keys\[0\]\.sha256 must be 64/,
    ],
    [
      `keys: [{name: ci, role: none, sha256: "${sha256}"}]`,
      /keys\[0\]\.role is "none", which is not there; there are status, read/,
    ],
    ["keys: [{name: ci, role: read, sha256: 12}]", /in quotes; "apispool key" makes a key/],
    [`keys: [{name: "c i", role: read, sha256: "${sha256}"}]`, /keys\[0\]\.name must be/],
    [`keys: [{name: ci, role: read, sha256: "${sha256}", expires: soon}]`, /expires must be a time such as/],
    ["roles: {admin: {allow: [read]}}", /roles\.admin is there already/],
    [
      "roles: {a: {allow: [fly]}}",
      /roles\.a\.allow\[0\] is "fly"; it must be one of status, read, seek, control, admin/,
    ],
    ["roles: {a: {allow: [read], reader: [x]}}", /roles\.a\.reader is unknown/],
    ["roles: {a: {allow: [read], readers: ['']}}", /roles\.a\.readers\[0\] must be a text that is not empty/],
    ["jwt: {issuer: i, audience: a, jwks: k.json, algorithms: [HS256]}", /"HS256" is not possible/],
    ["jwt: {issuer: i, audience: a, jwks: k.json, algorithms: [none]}", /"none" is not possible/],
    ["jwt: {issuer: i, audience: a, jwks: k.json, algorithms: []}", /is empty/],
    [
      "jwt: {audience: a, jwks: 'http://id.example/keys'}",
      /jwt\.jwks must begin with https:\/\/.*jwt\.issuer is missing/,
    ],
  ])("says what is wrong: %s", (text, problem) => {
    expect(() => parseAccess(text)).toThrow(problem);
  });

  it("says nothing of what might be a key", () => {
    let text = "";
    try {
      parseAccess(`keys: [{name: ci, role: read, sha256: "${key}"}]`);
    } catch (error) {
      text = String(error);
    }
    expect(text).toContain("must be 64 hexadecimal digits");
    expect(text).not.toContain(key);
  });
});
