import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { PollError } from "../poll-error.js";
import type { TemplateValues } from "./source-config.js";
import { compileTemplate, type TemplateContext } from "./template.js";
import { compileHeader } from "./template-header.js";
import { compileUrl } from "./template-url.js";

const context: TemplateContext = { label: "sources.a.url", cursor: { type: "time", format: "rfc3339" }, parent: true };
const values: TemplateValues = {
  cursor: "2024-05-06T07:08:09Z",
  lastPoll: undefined,
  now: Date.parse("2024-01-02T03:04:05.678Z"),
  parent: { id: "a/b?c#d", n: 7, odd: { "a b": ["x", "y"] }, none: null, at: 1_700_000_000, list: [1] },
};

function render(text: string, over: Partial<TemplateContext> = {}, given: Partial<TemplateValues> = {}): string {
  return compileTemplate([text], { ...context, ...over }).render({ ...values, ...given });
}

function renderUrl(text: string, parent: unknown = values.parent, allowHosts: readonly string[] = []): string {
  return compileUrl([text], { ...context, allowHosts }).render({ ...values, parent });
}

function kindOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof PollError) return `${error.kind}: ${error.message}`;
    throw error;
  }
  return "no error";
}

/** Half a surrogate pair has no UTF-8. */
function wellFormed(text: string): string {
  return Buffer.from(text, "utf8").toString("utf8");
}

describe("a template", () => {
  it.each([
    ["plain", "plain"],
    ["{{ cursor }}", "2024-05-06T07:08:09Z"],
    ["a{{cursor|format('unix')}}b", "a1714979289b"],
    ["{{ cursor | offset('-1h') }}", "2024-05-06T06:08:09Z"],
    ["{{ now }}", "2024-01-02T03:04:05.678Z"],
    ["{{ now | format('unix') | offset('-1h') }}", "1704161045"],
    ["{{ now | offset('1d') | format('date') }}", "2024-01-03"],
    ["{{ now | format('unix_ms') }}", "1704164645678"],
    [`{{ now | format("yyyy-MM-dd'T'HH:mm:ss.SSS''") }}`, "2024-01-02T03:04:05.678'"],
    ["{{ last_poll | default('never') }}", "never"],
    ["{{ last_poll | format('unix') | default(0) }}", "0"],
    ["{{ last_poll | default('2020-01-01') | format('unix') }}", "1577836800"],
    ["{{ parent.n }}", "7"],
    [`{{ parent.odd["a b"].1 | upper }}`, "Y"],
    [`{{ parent.odd["a b"][0] }}`, "x"],
    ["{{ parent.list | json }}", "[1]"],
    ["{{ parent.id | json }}", '"a/b?c#d"'],
    ["{{ parent.id | url }}", "a%2Fb%3Fc%23d"],
    ["{{ parent.at | format('rfc3339') }}", "2023-11-14T22:13:20Z"],
    ["{{ parent.none | default('x') | lower }}", "x"],
    ["{{ '{{' }} stays", "{{ stays"],
    ["{{ 'it\\'s' }}", "it's"],
    ["}} stays", "}} stays"],
  ])("%s", (text, expected) => {
    expect(render(text)).toBe(expected);
  });

  it("writes a cursor the way the source says, whatever form it comes in", () => {
    const unix: Partial<TemplateContext> = { cursor: { type: "time", format: "unix" } };
    expect(render("{{ cursor }}", unix)).toBe("1714979289");
    expect(render("{{ cursor }}", unix, { cursor: "1714979289" })).toBe("1714979289");
    expect(render("{{ cursor }}", {}, { cursor: "1714979289000" })).toBe("2024-05-06T07:08:09Z");
    expect(render("{{ cursor }}", {}, { cursor: "2024-05-06T07:08:09.123456Z" })).toBe("2024-05-06T07:08:09.123456Z");
    expect(render("{{ cursor }}", { cursor: { type: "number", format: "rfc3339" } }, { cursor: "0012" })).toBe("0012");
  });

  it("never looks into a variable's value", () => {
    const pieces = [
      "Bearer ",
      { variable: "TOKEN", value: "{{ now }}" },
      " {{ '",
      { variable: "X", value: "'}}" },
      "' }}",
    ];
    const template = compileTemplate(pieces, context);
    expect(template.render(values)).toBe("Bearer {{ now }} '}}");
    expect(template.text).toBe("Bearer ${TOKEN} {{ '${X}' }}");
    expect(template.stable).toBe("Bearer ${TOKEN} {{ ''}}' }}");
  });

  it.each([
    ["{{ cursor", "the {{ is never closed with }} (character 1)"],
    ["{{ }}", "nothing that can be filled in; cursor, now, last_poll, parent.… and '…' can (character 4)"],
    ["{{ curser }}", `"curser" cannot be filled in; cursor, now, last_poll, parent.… and '…' can (character 4)`],
    ["{{ now now }}", "}} or | is expected (character 8)"],
    ["{{ now | }}", "a filter such as default('…') is expected behind | (character 10)"],
    ["{{ now | format(x) }}", "a text in quotes or a number is expected behind ( (character 17)"],
    ["{{ now | format('unix }}", "the ' is never closed (character 17)"],
    ["{{ now | offset('soon') }}", "offset takes a duration such as '-1h' or '30s' (character 10)"],
    ["{{ now | upper('x') }}", "the filter takes nothing in brackets (character 10)"],
    ["{{ cursor | default }}", "default takes a text, such as default('0') (character 13)"],
    ["{{ parent }}", "parent needs a name behind it, such as parent.id (character 10)"],
    ["{{ now | raw }}", "raw is only for an address; nothing is encoded here"],
    [
      "{{ now | formt('unix') }}",
      'there is no filter "formt" (did you mean "format"?); there are default, format, offset, url, raw, lower, upper, json (character 10)',
    ],
    [
      "{{ now | format('YYYY') }}",
      `"YYYY" is no part of a time; format takes rfc3339, unix, unix_ms, date, or a pattern such as yyyy-MM-dd'T'HH:mm:ss (character 10)`,
    ],
  ])("%s is refused", (text, message) => {
    expect(() => compileTemplate([text], context)).toThrow(expect.objectContaining({ name: "TemplateError", message }));
  });

  it("is refused where the source does not have what it speaks of", () => {
    const bare: TemplateContext = { label: "x", cursor: undefined, parent: false };
    expect(() => compileTemplate(["{{ cursor }}"], bare)).toThrow("cursor is filled in, but the source has no cursor");
    expect(() => compileTemplate(["{{ parent.a }}"], bare)).toThrow(
      "parent.… is filled in, but the source has no parent",
    );
    const counted: TemplateContext = { ...bare, cursor: { type: "number", format: "rfc3339" } };
    expect(() => compileTemplate(["{{ cursor | offset('1h') }}"], counted)).toThrow(
      "offset is for times, but the cursor is a number",
    );
  });

  it("says which one has no value, without repeating its text", () => {
    const label = "config: sources.a.url";
    expect(kindOf(() => render("hush {{ last_poll }}"))).toBe(
      `${label} has no value for last_poll; give it one with | default('…')`,
    );
    expect(kindOf(() => render("{{ parent.none }}"))).toBe(
      `${label} has no value for parent.none; give it one with | default('…')`,
    );
    expect(kindOf(() => render("{{ parent.__proto__ }}"))).toMatch(/no value for parent.__proto__/);
    expect(kindOf(() => render("{{ parent.list }}"))).toMatch(/a map or a list; write it with \| json/);
    expect(kindOf(() => render("{{ parent.id | format('unix') }}"))).toMatch(/a value that is no time/);
  });

  it("cannot begin another header", () => {
    const header = compileHeader(["{{ parent.id }}"], context);
    expect(kindOf(() => header.render({ ...values, parent: { id: "a\r\nX: b" } }))).toMatch(/^config: .*line break/);
    expect(() => compileHeader(["a\nb"], context)).toThrow("must be without line breaks");
  });
});

describe("an address", () => {
  it.each([
    ["https://x.test/a b?c=d e", "https://x.test/a%20b?c=d%20e"],
    ["https://x.test/orders/{{ parent.id }}/items", "https://x.test/orders/a%2Fb%3Fc%23d/items"],
    ["https://x.test/?q={{ parent.id }}", "https://x.test/?q=a%2Fb%3Fc%23d"],
    ["https://x.test/{{ parent.id | url }}", "https://x.test/a%2Fb%3Fc%23d"],
    ["https://x.test/{{ parent.id | raw }}", "https://x.test/a/b?c#d"],
    ["https://x.test/?since={{ cursor }}", "https://x.test/?since=2024-05-06T07%3A08%3A09Z"],
    ["http://[::1]:8080/{{ parent.n }}", "http://[::1]:8080/7"],
  ])("%s", (text, expected) => {
    expect(renderUrl(text)).toBe(expected);
  });

  it.each([
    ["ftp://x.test/", "must begin with http:// or https:// and a host"],
    ["{{ parent.id }}", "must begin with http:// or https:// and a host"],
    ["https://{{ parent.id }}/", "scheme and host cannot be filled in: write them out, with a / behind them"],
    ["https://x.test{{ parent.id }}", "scheme and host cannot be filled in: write them out, with a / behind them"],
    ["https://u:p@x.test/", "must be without user and password; write them below auth"],
    ["https:///", "has no host that there could be"],
    ["https://x.test/#{{ parent.id }}", "must be without #: what is behind it is never sent"],
    ["https://x.test/a/../{{ parent.id }}", "must be without . and .. between slashes"],
    [
      "{{ parent.url | raw }}",
      "the whole address comes out of the parent's record; name the hosts it may lead to in allow_hosts",
    ],
  ])("%s is refused", (text, message) => {
    expect(() => compileUrl([text], { ...context, allowHosts: [] })).toThrow(
      expect.objectContaining({ name: "TemplateError", message }),
    );
  });

  it("may come out of the parent's record, to hosts that are named", () => {
    const hosts = ["*.x.test"];
    const template = compileUrl(["{{ parent.url | raw }}"], { ...context, allowHosts: hosts });
    expect(template.fromAnswer).toBe(true);
    expect(renderUrl("{{ parent.url | raw }}", { url: "https://a.x.test/1" }, hosts)).toBe("https://a.x.test/1");
    for (const url of ["https://x.test/", "https://evil.test/.x.test", "https://a.x.test@evil.test/"]) {
      expect(kindOf(() => renderUrl("{{ parent.url | raw }}", { url }, hosts))).toMatch(/^(blocked|config): /);
    }
    expect(kindOf(() => renderUrl("{{ parent.url | raw }}", { url: "file:///etc/passwd" }, hosts))).toMatch(
      /^config: /,
    );
  });

  it("never lets a value become a path of its own", () => {
    for (const id of [".", "..", ""]) {
      expect(kindOf(() => renderUrl("https://x.test/orders/{{ parent.id }}/items", { id }))).toMatch(/another path/);
    }
    expect(renderUrl("https://x.test/?q={{ parent.id }}", { id: ".." })).toBe("https://x.test/?q=..");
    expect(renderUrl("https://x.test/v{{ parent.id }}", { id: ".." })).toBe("https://x.test/v..");
  });

  it("stays what the file says, whatever is filled in", () => {
    const template = compileUrl(["https://x.test/orders/{{ parent.id }}/items?q={{ parent.id }}&z=1"], {
      ...context,
      allowHosts: [],
    });
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (id) => {
        let address: string;
        try {
          address = template.render({ ...values, parent: { id } });
        } catch (error) {
          expect(error).toMatchObject({ kind: "config" });
          expect(["", ".", ".."]).toContain(id);
          return;
        }
        const url = new URL(address);
        expect(url.origin).toBe("https://x.test");
        expect(url.hash).toBe("");
        const segments = url.pathname.split("/");
        expect(segments).toHaveLength(4);
        expect(decodeURIComponent(segments[2] ?? "")).toBe(wellFormed(id));
        expect([...url.searchParams]).toEqual([
          ["q", wellFormed(id)],
          ["z", "1"],
        ]);
      }),
      { numRuns: 2000 },
    );
  });

  it("never leaves its host, even raw", () => {
    const nasty = fc.oneof(
      fc.string(),
      fc.webUrl(),
      fc.stringMatching(/^[/\\@:.?#\t\n%a-z0-9]{0,20}$/),
      fc.constantFrom("//evil.test", "\\\\evil.test", "/../../..", "@evil.test", "\t//evil.test", ":80@evil.test"),
    );
    for (const text of ["https://x.test/{{ parent.id | raw }}", "https://x.test/a?{{ parent.id | raw }}"]) {
      const template = compileUrl([text], { ...context, allowHosts: [] });
      fc.assert(
        fc.property(nasty, (id) => {
          let address: string;
          try {
            address = template.render({ ...values, parent: { id } });
          } catch (error) {
            expect(error).toMatchObject({ kind: "config" });
            return;
          }
          const url = new URL(address);
          expect([url.origin, url.username, url.password]).toEqual(["https://x.test", "", ""]);
        }),
        { numRuns: 2000 },
      );
    }
  });
});
