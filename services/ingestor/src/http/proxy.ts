import { PollError } from "../poll-error.js";
import { bareHost } from "./allowed-hosts.js";

/** The variables of the environment that name proxies; lower case counts first, as everywhere. */
export type ProxyEnvironment = Readonly<Record<string, string | undefined>>;

/** Tells by which proxy an address is reached; undefined: by none. */
export type ProxyRule = (url: URL) => URL | undefined;

/** `setting`: an address, "environment", or undefined: none, whatever the environment says. Throws PollError. */
export function proxyRule(setting: string | undefined, env: ProxyEnvironment): ProxyRule {
  if (setting === undefined) return () => undefined;
  if (setting !== "environment") {
    const proxy = proxyUrl(setting, "proxy");
    return () => proxy;
  }
  const read = (name: string): string => env[name.toLowerCase()] ?? env[name] ?? "";
  const of = (name: string): URL | undefined => (read(name) === "" ? undefined : proxyUrl(read(name), name));
  const proxies: Readonly<Record<string, URL | undefined>> = { "http:": of("HTTP_PROXY"), "https:": of("HTTPS_PROXY") };
  const exceptions = read("NO_PROXY")
    .split(/[\s,]+/)
    .filter((entry) => entry !== "");
  return (url) => (exceptions.some((entry) => isExcepted(url, entry)) ? undefined : proxies[url.protocol]);
}

/** As curl does it: a name stands for itself and all below it, with or without a dot before it; a port may follow. */
function isExcepted(url: URL, entry: string): boolean {
  if (entry === "*") return true;
  const [, name = "", port] =
    /^(.*?)(?::(\d+))?$/.exec(entry.includes("]") || !isIpv6(entry) ? entry : `[${entry}]`) ?? [];
  const actualPort = url.port === "" ? (url.protocol === "https:" ? "443" : "80") : url.port;
  if (port !== undefined && port !== actualPort) return false;
  const wanted = bareHost(name.toLowerCase()).replace(/^\*?\./, "");
  const host = bareHost(url.hostname);
  return host === wanted || (wanted !== "" && host.endsWith(`.${wanted}`));
}

const isIpv6 = (entry: string): boolean => entry.split(":").length > 2;

function proxyUrl(text: string, name: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  // Its text is not repeated: there may be a password in it.
  if (url === undefined || !["http:", "https:"].includes(url.protocol) || url.hostname === "") {
    throw new PollError(`${name} has to be an address such as http://proxy.example.com:3128, or "environment"`, {
      kind: "config",
    });
  }
  return url;
}
