import { describe, expect, it } from "@jest/globals";
import { checkConfigText } from "./load.js";
import { at, durations, lookup, oneSource as source, problemsOf as problems } from "../testing/wrong-config.js";

describe("what is wrong with a file", () => {
  it.each<[string, string, string[]]>([
    ["empty", "", ["apispool.yaml:1:1: is empty; write sources: with at least one source below it"]],
    ["a list", "- a", ["apispool.yaml:1:1: is not a map of keys; write sources: with at least one source below it"]],
    ["no sources", "kafka: {}", ["apispool.yaml:1:1: sources is missing; it must be a map of sources by name"]],
    ["none in it", "sources: {}", [at(10, "sources: is empty; must be a map with at least one source", 1)]],
    [
      "a source without keys",
      "sources:\n  a:\n",
      [at(5, "sources.a: is empty; must be a map of the source's keys", 2)],
    ],
    [
      "no url",
      "sources:\n  a: {interval: 1s}",
      [at(6, "sources.a: url is missing; it must be an http:// or https:// address", 2)],
    ],
    [
      "a key twice",
      source("interval: 1s\n    interval: 2s"),
      ["apispool.yaml:5:5: is no YAML: Map keys must be unique"],
    ],
    [
      "an unknown key at the top",
      `${source("")}source: {}`,
      [at(1, 'source: unknown key (did you mean "sources"?); allowed are kafka, defaults, sources', 5)],
    ],
    [
      "an unknown key",
      source("retry: {max_atempts: 3}"),
      [
        at(
          13,
          'sources.a.retry.max_atempts: unknown key (did you mean "max_attempts"?); allowed are max_attempts, initial, max, open_after',
        ),
      ],
    ],
    [
      "a number for a duration",
      source("interval: 30"),
      [at(15, `sources.a.interval: 30 is wrong; must be ${durations}`)],
    ],
    [
      "a duration without sense",
      source("timeout: soon"),
      [at(14, `sources.a.timeout: "soon" is wrong; must be ${durations}`)],
    ],
    [
      "too short an interval",
      source("interval: 1ms"),
      [at(15, 'sources.a.interval: "1ms" is wrong; must be from 10ms to 24d')],
    ],
    ["nothing for a value", source("interval:"), [at(14, `sources.a.interval: is empty; must be ${durations}`)]],
    [
      "a size",
      source("max_bytes: 5XB"),
      [at(16, 'sources.a.max_bytes: "5XB" is wrong; must be a size such as 64MB, 1GiB or a number of bytes')],
    ],
    [
      "too large a size",
      source("max_bytes: 1GiB"),
      [at(16, 'sources.a.max_bytes: "1GiB" is wrong; must be from 1B to 512MiB')],
    ],
    [
      "text for a number",
      source("redirects: two"),
      [at(16, 'sources.a.redirects: "two" is wrong; must be a whole number from 0 to 20')],
    ],
    ["jitter", source("jitter: 3"), [at(13, "sources.a.jitter: 3 is wrong; must be a number from 0 to 1")]],
    [
      "a method",
      source("method: FETCH"),
      [at(13, 'sources.a.method: "FETCH" is wrong; must be one of GET, POST, PUT, PATCH')],
    ],
    ["yes for true", source("autostart: yes"), [at(16, 'sources.a.autostart: "yes" is wrong; must be true or false')]],
    [
      "a source's name",
      "sources:\n  a b: {url: 'http://x'}",
      [at(3, 'sources.a b: the name is not allowed; it must be 1 to 100 letters, digits, ".", "_" or "-"', 2)],
    ],
    [
      "a header's name",
      source("headers: {a b: c}"),
      [at(15, "sources.a.headers.a b: the name is not allowed; it must be the name of an HTTP header")],
    ],
    [
      "a header twice",
      source("headers: {A: 1, a: 2}"),
      [at(21, "sources.a.headers.a: is there twice; upper and lower case are the same in headers")],
    ],
    [
      "a header of our own",
      source("headers: {Content-Length: 1}"),
      [at(15, "sources.a.headers.Content-Length: cannot be set: it follows from the request itself")],
    ],
    [
      "a broker",
      `kafka: {brokers: [kafka]}\n${source("")}`,
      [at(19, 'kafka.brokers[0]: "kafka" is wrong; must be an address of the form host:port', 1)],
    ],
    [
      "a kind of auth",
      source("auth: {type: bearr}"),
      [
        at(
          18,
          'sources.a.auth.type: "bearr" is wrong (did you mean "bearer"?); must be one of none, basic, bearer, api_key, oauth2_client_credentials, mtls',
        ),
      ],
    ],
    [
      "auth without a kind",
      source("auth: {token: x}"),
      [
        at(
          11,
          "sources.a.auth: type is missing; it must be one of none, basic, bearer, api_key, oauth2_client_credentials, mtls",
        ),
      ],
    ],
    [
      "auth without its secret",
      source("auth: {type: bearer}"),
      [
        at(
          11,
          'sources.a.auth: token is missing; it must be text such as "${TOKEN}", or {file: path}, or {command: [program, argument], ttl: 5m}',
        ),
      ],
    ],
    [
      "a key of another kind of auth",
      source("auth: {type: none, token: x}"),
      [at(24, "sources.a.auth.token: unknown key; allowed are type")],
    ],
    [
      "a secret's shape",
      source("auth: {type: bearer, token: {command: x}}"),
      [at(43, "sources.a.auth.token.command: the value is wrong; must be a list: the program and its arguments")],
    ],
    [
      "a secret's wait",
      source("auth: {type: bearer, token: {command: [x], ttl: 1ms}}"),
      [at(53, 'sources.a.auth.token.ttl: "1ms" is wrong; must be from 1s to 30d')],
    ],
    [
      "a user with a colon",
      source("auth: {type: basic, username: 'a:b', password: c}"),
      [at(35, "sources.a.auth.username: must be without a colon (RFC 7617)")],
    ],
    [
      "a body of two kinds",
      source("body: {json: 1, text: a}"),
      [at(11, "sources.a.body: a map is wrong; must be one of {json: value}, {form: fields}, {text: text}")],
    ],
    [
      "a number of too many digits",
      source("body: {json: {a: [9007199254740993]}}"),
      [at(23, "sources.a.body.json.a[0]: the number has more digits than can be kept; write the body as text")],
    ],
    [
      "cert without key",
      source("tls: {cert: c.pem}"),
      [at(17, "sources.a.tls.cert: has no key beside it; tls needs cert and key, or neither")],
    ],
    [
      "key without cert",
      source("tls: {key: c.pem}"),
      [at(16, "sources.a.tls.key: has no cert beside it; tls needs cert and key, or neither")],
    ],
    [
      "a host with a scheme",
      source("allow_hosts: ['http://x']"),
      [
        at(
          19,
          'sources.a.allow_hosts[0]: "http://x" is wrong; must be a host such as cdn.example.com, or *.example.com',
        ),
      ],
    ],
    [
      "a proxy",
      source("proxy: socks5://u:hush@x"),
      [at(12, 'sources.a.proxy: is wrong; must be the http:// or https:// address of a proxy, or "environment"')],
    ],
  ])("%s", (_what, text, expected) => {
    expect(problems(text)).toEqual(expected);
  });

  it("is said all at once, in the order of the file", () => {
    const found = problems(`
defaults: { interval: often }
sources:
  a: { url: "http://{{ now }}/", records: "a[", tls: { cert: x }, nope: 1 }
  b: { url: http://x.test/, auth: { type: bearer }, cron: "x", parent: z }
`);
    expect(found.map((problem) => problem.split(" ")[1]?.slice(0, -1))).toEqual([
      "defaults.interval",
      "sources.a.url",
      "sources.a.records",
      "sources.a.tls.cert",
      "sources.a.nope",
      "sources.b.auth",
      "sources.b.cron",
      "sources.b.parent",
      "sources.b.parent",
    ]);
  });

  it("says a default's fault once, not for every source", () => {
    const text =
      "defaults: {query: {a: '{{ nope }}'}}\nsources: {a: {url: 'http://x.test/'}, b: {url: 'http://x.test/'}}";
    expect(problems(text)).toHaveLength(1);
  });

  it("never repeats what came from the environment, nor a secret in the file", () => {
    const keys = [
      "interval",
      "max_bytes",
      "redirects",
      "jitter",
      "method",
      "format",
      "charset",
      "records",
      "cron",
      "url",
      "proxy",
      "time_zone",
      "parent",
      "autostart",
      "cursor",
      "auth",
      "retry",
      "body",
      "allow_hosts",
    ];
    for (const key of keys) {
      for (const value of ["'${TOKEN}['", "{'${TOKEN}': '${TOKEN}'}", "['${TOKEN} ${TOKEN}']"]) {
        const text = `sources: {a: {url: 'http://x.test/', ${key}: ${value}}}`.replace(
          /url: 'http:\/\/x.test\/', url/,
          "url",
        );
        expect(problems(text).join()).not.toContain("hush");
      }
    }
    const secrets = source("auth: {type: bearer, token: {fil: hush}}\n    headers: {A: [hush]}");
    expect(problems(secrets)).toHaveLength(2);
    expect(problems(secrets).join()).not.toContain("hush");
  });
});

describe("variables where numbers belong", () => {
  it("are taken for numbers and truth values", () => {
    const { sources, problems: found } = checkConfigText(
      source("redirects: ${FIVE}\n    autostart: ${YES}\n    jitter: ${NONE:-0.5}\n    topic: {partitions: '${FIVE}'}"),
      "x.yaml",
      lookup,
    );
    expect(found).toEqual([]);
    expect(sources[0]).toMatchObject({
      network: { maxRedirects: 5 },
      autostart: true,
      schedule: { jitter: 0.5 },
      topic: { partitions: 5 },
    });
  });

  it("and only they: what the file writes as text is text", () => {
    expect(problems(source("redirects: '5'"))).toEqual([
      at(16, 'sources.a.redirects: "5" is wrong; must be a whole number from 0 to 20'),
    ]);
  });
});
