import { describe, expect, it } from "@jest/globals";
import { at, durations, oneSource as source, problemsOf as problems } from "../testing/wrong-config.js";

describe("what cannot be in a file", () => {
  it.each<[string, string, string[]]>([
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
});
