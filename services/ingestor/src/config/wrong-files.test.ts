import { describe, expect, it } from "@jest/globals";
import { checkConfigText } from "./load.js";

const env: Readonly<Record<string, string>> = { TOKEN: "hush", NUMBER: "hush", FIVE: "5", YES: "true" };

function problems(text: string): readonly string[] {
  return checkConfigText(text, "/etc/apispool.yaml", (name) => env[name]).problems;
}

/** A file with one source; the line asked about is line 4. */
const source = (lines: string, url = "https://x.test/"): string => `sources:\n  a:\n    url: ${url}\n    ${lines}\n`;

const durations = "a duration such as 500ms, 30s, 5m, 1h or 7d";
const at = (column: number, key: string, line = 4): string => `apispool.yaml:${line}:${column} ${key}`;

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
    [
      "interval and cron",
      source("interval: 1s\n    cron: '* * * * *'"),
      [at(11, "sources.a.cron: cannot be together with interval; give one of them", 5)],
    ],
    [
      "a cron of four fields",
      source("cron: '* * * *'"),
      [
        expect.stringMatching(
          /^apispool\.yaml:4:11 sources\.a\.cron: is no cron expression \(.*\); must be five or six fields/,
        ) as unknown as string,
      ],
    ],
    [
      "a day that never comes",
      source("cron: '0 0 30 2 *'"),
      [at(11, 'sources.a.cron: never comes; must be five or six fields of cron, such as "*/5 * * * *"')],
    ],
    [
      "a time zone",
      source("cron: '* * * * *'\n    time_zone: Mars"),
      [at(16, "sources.a.time_zone: is no known time zone; must be an IANA time zone such as Europe/Berlin", 5)],
    ],
    [
      "a time zone without cron",
      source("time_zone: UTC"),
      [at(16, "sources.a.time_zone: is only for cron; give cron, or leave time_zone out")],
    ],
    [
      "adaptive and cron",
      source("cron: '* * * * *'\n    adaptive: true"),
      [
        at(
          15,
          "sources.a.adaptive: adaptive goes by the interval, and cron has none; give interval in place of cron, or leave it out",
          5,
        ),
      ],
    ],
    ["an address", source("", "ftp://x"), [at(10, "sources.a.url: must begin with http:// or https:// and a host", 3)]],
    [
      "a template in it",
      source("query: {a: '{{ now | formt }}'}"),
      [
        at(
          16,
          'sources.a.query.a: there is no filter "formt" (did you mean "format"?); there are default, format, offset, url, raw, lower, upper, json (character 10)',
        ),
      ],
    ],
    [
      "a template without a cursor",
      source("query: {a: ['{{ cursor }}']}"),
      [at(17, "sources.a.query.a[0]: cursor is filled in, but the source has no cursor")],
    ],
    [
      "an expression",
      source("records: 'a['"),
      [
        at(
          14,
          'sources.a.records: "a[" is no JMESPath: Syntax error: expected Star, got: EOF; must be such as data.items, or a JSON Pointer such as /data/items',
        ),
      ],
    ],
    [
      "an empty id",
      source("id: ''"),
      [at(9, "sources.a.id: is empty; must be a JMESPath such as data.items, or a JSON Pointer such as /data/items")],
    ],
    ["no ids", source("id: []"), [at(9, "sources.a.id: is empty; must be a list of expressions")]],
    [
      "records in csv",
      source("format: csv\n    records: a"),
      [at(14, "sources.a.records: is for json and xml; in csv every line is a record, so leave records out", 5)],
    ],
    [
      "csv in json",
      source("csv: {header: true}"),
      [at(5, "sources.a.csv: is only for format: csv, but the format is json")],
    ],
    [
      "columns without names",
      source("format: csv\n    csv: {header: false}"),
      [at(19, "sources.a.csv.header: leaves the columns without names; give columns, or header: true", 5)],
    ],
    [
      "a character set",
      source("charset: utf-9"),
      [at(14, 'sources.a.charset: "utf-9" is no known character set; must be such as utf-8, latin1 or shift_jis')],
    ],
    [
      "cursor pagination without into",
      source("pagination: {type: cursor, from: {body: next}}"),
      [at(17, "sources.a.pagination: into is missing; it must be {query: name}, {body: field} or {header: name}")],
    ],
    [
      "cursor pagination into no body",
      source("pagination: {type: cursor, from: {body: next}, into: {body: after}}"),
      [
        at(
          65,
          "sources.a.pagination.into.body: goes into the JSON body, but the source has none; give body: {json: {…}}, or another place",
        ),
      ],
    ],
    [
      "a size without a number",
      source("pagination: {type: page, size_param: n}"),
      [at(42, "sources.a.pagination.size_param: has no size to send; give size, or leave size_param out")],
    ],
    [
      "a document in lines",
      source("format: ndjson\n    pagination: {type: next_url, path: next}"),
      [at(34, "sources.a.pagination.path: reads the answer's document, but ndjson has none; leave path out", 5)],
    ],
    [
      "an overlap of a number",
      source("cursor: {field: n, type: number, overlap: 5m}"),
      [
        at(
          47,
          'sources.a.cursor.overlap: "5m" is wrong; must be a number that is not negative, because the cursor\'s type is number',
        ),
      ],
    ],
    [
      "an overlap of a time",
      source("cursor: {field: n, overlap: 5}"),
      [
        at(
          33,
          "sources.a.cursor.overlap: 5 is wrong; must be a duration such as 5m, because the cursor's type is time",
        ),
      ],
    ],
    [
      "a beginning that is no time",
      source("cursor: {field: n, initial: soon}"),
      [
        at(
          33,
          'sources.a.cursor.initial: "soon" is no time; must be such as 2020-01-01T00:00:00Z, a date, or seconds since 1970',
        ),
      ],
    ],
    [
      "a format of a number",
      source("cursor: {field: n, type: number, format: unix}"),
      [at(46, "sources.a.cursor.format: is for times, but the cursor's type is number; leave format out")],
    ],
    [
      "a rate without requests",
      source("rate_limit: {per: 1s}"),
      [at(17, "sources.a.rate_limit: requests is missing; it must be a whole number from 1 to 1000000")],
    ],
    [
      "a pause longer than the longest",
      source("retry: {initial: 5s, max: 1s}"),
      [at(22, "sources.a.retry.initial: is longer than max; must be at most as long")],
    ],
    [
      "its own parent",
      source("parent: a", "https://x.test/{{ parent.id }}"),
      [at(13, "sources.a.parent: is the source itself; must be another source")],
    ],
    [
      "no such parent",
      source("parent: ab\n  abc: {url: http://x.test/}", "https://x.test/{{ parent.id }}"),
      [at(13, 'sources.a.parent: there is no source of that name (did you mean "abc"?); there are abc')],
    ],
    [
      "a parent in vain",
      source("parent: b\n  b: {url: http://x.test/}"),
      [
        at(
          13,
          "sources.a.parent: is never spoken of, so every request would be the same; write {{ parent.id }} into url, query, headers or body",
        ),
      ],
    ],
    [
      "parents in a circle",
      "sources:\n  c: {url: 'http://x.test/{{parent.i}}', parent: b}\n  b: {url: 'http://x.test/{{parent.i}}', parent: c}\n",
      [at(50, "sources.b.parent: goes round in a circle: b → c → b; one of them must have no parent", 3)],
    ],
    [
      "names that Kafka takes for the same",
      source("\n  b.c: {url: http://x.test/}\n  b_c: {url: http://x.test/}").replace("\n    \n", "\n"),
      [
        at(
          3,
          'sources.b_c: differs from "b.c" only by "." and "_", which Kafka takes for the same; choose another name',
          5,
        ),
      ],
    ],
    [
      "a variable that is not set",
      source("headers: {A: '${NOPE}'}"),
      [at(18, "sources.a.headers.A: the variable NOPE is not set; set it, or write ${NOPE:-default}")],
    ],
    [
      "a variable in a default that is wrong",
      `defaults: {interval: "\${NUMBER}"}\n${source("")}`,
      [at(22, `defaults.interval: the value is wrong; must be ${durations}`, 1)],
    ],
    [
      "an alias in itself",
      source("body: &b {json: *b}"),
      [at(21, "sources.a.body.json: contains itself; an alias must not lead to what it is in")],
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
      (name) => env[name],
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
