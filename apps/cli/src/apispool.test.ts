import http from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { apispool } from "./apispool.js";

describe("the command line", () => {
  let server: http.Server;
  let files: Record<string, string>;
  let out: string[];
  let err: string[];

  beforeEach(async () => {
    server = http.createServer((request, response) => {
      if (request.url === "/worker") {
        response.end('{"sources":[{"source":"quakes","error":null}]}');
        return;
      }
      if (request.url === "/orders/7/items") {
        response.end('[{"id":"of order 7"}]');
        return;
      }
      response.end('[{"id":7,"at":12345678901234567890},{"no":1}]');
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    files = {
      "apispool.yaml": `
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
      "wrong.yaml": "sources:\n  quakes:\n    url: ftp://x.test\n    intervall: 3s\n",
    };
    out = [];
    err = [];
  });
  afterEach(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  const base = () => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const run = async (...args: string[]) =>
    apispool(args, {
      env: {},
      read: (file) => {
        const text = files[file];
        if (text === undefined) throw new Error(`ENOENT: ${file}`);
        return text;
      },
      out: (text) => out.push(text),
      err: (text) => err.push(text),
    });

  it("checks a file, and says where it is wrong", async () => {
    expect(await run("check")).toBe(0);
    expect(out).toEqual(["apispool.yaml is right: quakes, items"]);
    expect(await run("check", "wrong.yaml")).toBe(1);
    expect(err.join("\n")).toMatch(/wrong\.yaml:4\S* sources\.quakes.*intervall/);
    expect(err.join("\n")).toMatch(/wrong\.yaml:3\S* sources\.quakes\.url/);
    expect(await run("check", "none.yaml")).toBe(1);
    expect(err.at(-1)).toContain("none.yaml");
  });

  it("tries a source from here: records to the output, everything else beside it", async () => {
    expect(await run("try", "quakes")).toBe(0);
    expect(out).toEqual(['{"id":7,"at":12345678901234567890}']);
    expect(err.join("\n")).toMatch(/GET .*quakes\?since=0 → 200/);
    expect(err.join("\n")).toContain("1 record would be written");
    expect(err.join("\n")).toContain('it has no id at "id"');
    expect(err.join("\n")).toContain("next cursor: 12345678901234567890");
  });

  it("tries a child for the first record of its parent", async () => {
    expect(await run("try", "items")).toBe(0);
    expect(out).toEqual(['{"id":"of order 7"}']);
  });

  it("has a service try", async () => {
    expect(await run("try", "quakes", "--url", base())).toBe(0);
    expect(out).toEqual(['{"sources":[{"source":"quakes","error":null}]}']);
  });

  it.each([
    [["fly"], '"fly" is no command'],
    [[], "there is no command"],
    [["try"], "needs the name of a source"],
    [["try", "bogus"], 'there is no source "bogus"; there are quakes, items'],
    [["try", "quakes", "--pages", "many"], '--pages "many"'],
    [["check", "--speed"], "speed"],
  ])("says how it is called where it is not called rightly: %j", async (args, text) => {
    expect(await run(...args)).toBe(2);
    expect(err.join("\n")).toContain(text);
  });
});
