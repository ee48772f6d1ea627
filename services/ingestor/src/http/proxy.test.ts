import { describe, expect, it } from "@jest/globals";
import { proxyRule } from "./proxy.js";

const env = {
  HTTP_PROXY: "http://plain.example:3128",
  HTTPS_PROXY: "http://user:pass@secure.example:3128",
  NO_PROXY: "localhost, .internal.example,*.corp.example,other.example:8443,10.0.0.1",
};

describe("which proxy an address is reached by", () => {
  const of = (setting: string | undefined, url: string, variables: Record<string, string> = env): string | undefined =>
    proxyRule(setting, variables)(new URL(url))?.hostname;

  it("is none unless one is configured", () => {
    expect(of(undefined, "https://api.example/")).toBeUndefined();
  });

  it("is the configured one for everything", () => {
    expect(of("http://p.example:1", "https://localhost/")).toBe("p.example");
  });

  it("is the environment's where that is asked for", () => {
    expect(of("environment", "http://api.example/")).toBe("plain.example");
    expect(of("environment", "https://api.example/")).toBe("secure.example");
    expect(of("environment", "http://api.example/", { ...env, http_proxy: "http://lower.example" })).toBe(
      "lower.example",
    );
    expect(of("environment", "http://api.example/", {})).toBeUndefined();
  });

  it.each([
    ["http://localhost:9/", undefined],
    ["https://internal.example/", undefined],
    ["https://a.internal.example/", undefined],
    ["https://notinternal.example/", "secure.example"],
    ["https://x.corp.example/", undefined],
    ["https://other.example:8443/", undefined],
    ["https://other.example/", "secure.example"],
    ["https://10.0.0.1/", undefined],
  ])("%s, with NO_PROXY: %s", (url, proxy) => {
    expect(of("environment", url)).toBe(proxy);
  });

  it("is an error that keeps the password to itself where it cannot be used", () => {
    for (const setting of ["socks5://user:hush@p.example", "user:hush@nonsense"]) {
      expect(() => of(setting, "https://api.example/")).toThrow(/proxy has to be an address/);
      expect(() => of(setting, "https://api.example/")).not.toThrow(/hush/);
    }
  });
});
