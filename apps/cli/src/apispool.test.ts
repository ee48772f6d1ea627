import http from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { FakeGateway } from "./testing/fake-gateway.js";
import { TestSurroundings } from "./testing/run.js";

describe("the command line", () => {
  let server: http.Server;
  let around: TestSurroundings;

  beforeEach(async () => {
    server = http.createServer((request, response) => {
      if (request.url === "/orders/7/items") {
        response.end('[{"id":"of order 7"}]');
        return;
      }
      response.end('[{"id":7,"at":12345678901234567890},{"no":1}]');
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    around = new TestSurroundings();
    around.files.set(
      "apispool.yaml",
      `
sources:
  quakes:
    url: ${base()}/quakes
    id: id
    cursor: { field: at, type: number }
    query: { since: "{{ cursor | default('0') }}" }
  items:
    url: ${base()}/orders/{{ parent.id }}/items
    parent: quakes
`,
    );
    around.files.set("wrong.yaml", "sources:\n  quakes:\n    url: ftp://x.test\n    intervall: 3s\n");
  });
  afterEach(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  const base = () => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  it("checks a file, and says where it is wrong", async () => {
    expect(await around.run("check")).toEqual({ code: 0, out: "apispool.yaml is right: quakes, items\n", err: "" });
    const wrong = await around.run("check", "wrong.yaml");
    expect(wrong.code).toBe(1);
    expect(wrong.err).toMatch(/wrong\.yaml:4\S* sources\.quakes.*intervall/);
    expect(wrong.err).toMatch(/wrong\.yaml:3\S* sources\.quakes\.url/);
    around.env = { APISPOOL_CONFIG: "none.yaml" };
    expect(await around.run("check")).toMatchObject({ code: 1, err: expect.stringContaining("none.yaml") });
  });

  it("tries a source from here: records to the output, everything else beside it", async () => {
    const { code, out, err } = await around.run("try", "quakes");
    expect([code, out]).toEqual([0, '{"id":7,"at":12345678901234567890}\n']);
    expect(err).toMatch(/GET .*quakes\?since=0 → 200/);
    expect(err).toContain("1 record would be written");
    expect(err).toContain('it has no id at "id"');
    expect(err).toContain("next cursor: 12345678901234567890");
  });

  it("tries a child for the first record of its parent", async () => {
    expect(await around.run("try", "items")).toMatchObject({ code: 0, out: '{"id":"of order 7"}\n' });
  });

  it("has a service try", async () => {
    const gateway = await FakeGateway.start();
    try {
      const { code, out, err } = await around.run("try", "quakes", "--url", gateway.url, "--pages", "3");
      expect([code, out]).toEqual([0, '{"id":7, "at":12345678901234567890}\n']);
      expect(err).toBe(
        "GET https://api.test/quakes → 200\n2 records would be written, 1 are shown\nnext cursor: 9\nthere is more to be had: see --pages\n",
      );
      expect(gateway.tries).toMatchObject([{ source: "quakes", maxPages: 3, maxRecords: 100 }]);
      expect(await around.run("try", "bogus", "--url", gateway.url)).toMatchObject({
        code: 2,
        err: 'apispool: sources: unknown: "bogus"; known: quakes\n',
      });
    } finally {
      await gateway.stop();
    }
  });

  it("starts everything, and ends as that ends", async () => {
    expect((await around.run("up")).code).toBe(0);
    around.upCode = 2;
    expect((await around.run("up")).code).toBe(2);
  });

  it.each([
    [["fly"], "unknown command 'fly'"],
    [["statsu"], "(Did you mean status?)"],
    [[], "there is no command"],
    [["try"], "missing required argument 'source'"],
    [["try", "bogus"], 'there is no source "bogus"; there are quakes, items'],
    [["try", "quakes", "--pages", "many"], "argument 'many' is invalid. It must be a whole number above zero."],
    [["try", "quakes", "--file", "x", "--url", "http://x"], "cannot be used with"],
    [["check", "--speed"], "unknown option '--speed'"],
    [["check", "one", "two"], "too many arguments for 'check'. Expected 1 argument but got 2"],
    [["status", "--url", "localhost:3000"], "It must be a URL that begins with http:// or https://."],
    [["seek"], "missing required argument 'reader'"],
    [["seek", "me"], "One of --to, --offset and --cursor is needed"],
    [["seek", "me", "--to", "soon"], "Allowed: earliest, latest, a time such as"],
    [["seek", "me", "--to", "earliest", "--cursor", "c"], "cannot be used with"],
    [["seek", "me", "--offset", "quakes=3"], "such as quakes/0=42"],
    [["tail", "--since", "12:00"], "or a cursor."],
    [["tail", "--since", "1h", "--reader", "me"], "`apispool seek` moves a reader"],
    [["tail", "--start", "latest"], "name one with --reader"],
    [["tail", "--json", "--data"], "cannot be used with"],
    [["fetch", "--limit", "0"], "It must be a whole number above zero."],
    [["fetch", "--ack", "later"], "Allowed choices are auto, manual."],
    [["fetch", "--wait", "long"], "It must be a duration such as 500ms, 30s or 5m."],
    [["readers", "bogus"], "too many arguments"],
    [["readers", "delete", "me"], "say --yes"],
    [["completion", "powershell"], "Allowed choices are bash, zsh, fish."],
  ])("says how it is called where it is not called rightly: %j", async (args, text) => {
    const { code, out, err } = await around.run(...args);
    expect([code, out]).toEqual([2, ""]);
    expect(err).toContain(text);
  });

  it("helps, and tells its version, on the output", async () => {
    const { code, out, err } = await around.run("--help");
    expect([code, err]).toEqual([0, ""]);
    expect(out).toContain("status [options] [source...]  how the polling of sources goes");
    expect(out).not.toContain("complete ");
    expect((await around.run("help", "tail")).out).toContain("--since <place>");
    expect((await around.run("readers", "delete", "--help")).out).toContain("--yes");
    expect(await around.run("--version")).toMatchObject({ code: 0, out: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) });
  });

  it.each([["status"], ["start"], ["tail"], ["fetch"], ["readers"], ["seek", "me", "--to", "latest"]])(
    "says where it looked for a gateway that is not there, and how to start one: %s",
    async (...args) => {
      around.env = { APISPOOL_URL: "http://127.0.0.1:1" };
      expect(await around.run(...args)).toEqual({
        code: 1,
        out: "",
        err: 'apispool: cannot reach Apispool at http://127.0.0.1:1 (nothing listens there); "apispool up" starts it here, --url or APISPOOL_URL says where else it is\n',
      });
    },
  );

  it("says so where something else answers", async () => {
    const { code, err } = await around.run("status", "--url", base());
    expect(code).toBe(1);
    expect(err).toContain(base());
  });

  it("names the variable that is wrong", async () => {
    around.env = { APISPOOL_URL: "localhost" };
    expect(await around.run("status")).toMatchObject({ code: 2, err: expect.stringContaining("APISPOOL_URL") });
  });
});
