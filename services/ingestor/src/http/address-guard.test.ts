import type { LookupFunction } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { FakeApi } from "../testing/fake-api.js";
import { TestClient } from "../testing/http-source.js";

/** 127.0.0.2 plays the internet, 127.0.0.1 the private network. */
const isPrivateAddress = (address: string): boolean => address !== "127.0.0.2";

/** Gives each name its addresses in turn, the last one for ever. */
function resolver(names: Readonly<Record<string, readonly (readonly string[])[]>>) {
  const asked: string[] = [];
  const lookup: LookupFunction = (hostname, options, callback) => {
    const turn = asked.filter((name) => name === hostname).length;
    asked.push(hostname);
    const answers = names[hostname] ?? [];
    const addresses = answers[Math.min(turn, answers.length - 1)];
    if (addresses === undefined) {
      callback(Object.assign(new Error("no such name"), { code: "ENOTFOUND" }), "");
    } else if (options.all === true) {
      callback(
        null,
        addresses.map((address) => ({ address, family: 4 })),
      );
    } else {
      callback(null, addresses[0] ?? "", 4);
    }
  };
  return { lookup, asked };
}

const outside = ["127.0.0.2"];
const inside = ["127.0.0.1"];

describe("addresses out of answers", () => {
  let internet: FakeApi;
  let intranet: FakeApi;
  beforeEach(async () => {
    internet = await FakeApi.start({ host: "127.0.0.2" });
    internet.answer((_request, response) => response.end("internet"));
    intranet = await FakeApi.start();
    intranet.answer((_request, response) => response.end("intranet"));
  });
  afterEach(async () => {
    await internet[Symbol.asyncDispose]();
    await intranet[Symbol.asyncDispose]();
  });

  const client = (
    names: Parameters<typeof resolver>[0],
    allowHosts: readonly string[] = [],
    url = internet.at("api.test"),
  ) => new TestClient(url, { network: { allowHosts } }, { isPrivateAddress, lookup: resolver(names).lookup });
  const blocked = { kind: "blocked", message: expect.stringContaining("private network") };

  it("may name the configured host, and no other one", async () => {
    using source = client({ "api.test": [outside], "other.test": [outside] });
    expect(await source.text({ url: internet.at("api.test", "/2"), fromAnswer: true })).toBe("internet");
    expect(await source.failure({ url: internet.at("other.test"), fromAnswer: true })).toMatchObject({
      kind: "blocked",
      message: expect.stringContaining("other.test, which the configuration does not allow"),
    });
  });

  it("may name those that are allowed", async () => {
    using source = client({ "api.test": [outside], "cdn.other.test": [outside] }, ["*.other.test"]);
    expect(await source.text({ url: internet.at("cdn.other.test"), fromAnswer: true })).toBe("internet");
  });

  it("do not lead from the internet into a private network, also by a name that is allowed", async () => {
    using source = client({ "api.test": [outside], "cdn.test": [inside] }, ["cdn.test"]);
    expect(await source.failure({ url: intranet.at("cdn.test"), fromAnswer: true })).toMatchObject(blocked);
    internet.answer((_request, response) => response.writeHead(302, { location: intranet.at("cdn.test") }).end());
    expect(await source.failure()).toMatchObject(blocked);
    expect(intranet.requests).toHaveLength(0);
  });

  it.each([
    "127.0.0.1",
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "0177.0.0.1",
    "127.1",
    "①②⑦.0.0.1",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::1]",
    "169.254.169.254",
    "[fd00:ec2::254]",
  ])("are known in every form: %s", async (host) => {
    using source = client({ "api.test": [outside] }, [
      "127.0.0.1",
      "::ffff:7f00:1",
      "::1",
      "169.254.169.254",
      "fd00:ec2::254",
    ]);
    expect(await source.failure({ url: intranet.at(host), fromAnswer: true })).toMatchObject(blocked);
    expect(intranet.requests).toHaveLength(0);
  });

  it("may be private where the configured one is", async () => {
    using source = client({ "api.test": [inside], "other.test": [inside] }, ["other.test"], intranet.at("api.test"));
    expect(await source.text({ url: intranet.at("other.test"), fromAnswer: true })).toBe("intranet");
  });

  it("are resolved once: what was checked is what is connected to", async () => {
    const { lookup, asked } = resolver({ "api.test": [outside, outside, inside] });
    using source = new TestClient(internet.at("api.test"), {}, { isPrivateAddress, lookup });
    expect(await source.text()).toBe("internet");
    expect(await source.text({ url: internet.at("api.test", "/2"), fromAnswer: true })).toBe("internet");
    expect(asked).toHaveLength(2);
  });

  it("do not lead inside by a name that changes its mind", async () => {
    using source = client({ "api.test": [outside, inside] });
    // The same port in both networks would be needed for the old connection to serve: so it is another one.
    expect(await source.text()).toBe("internet");
    expect(await source.failure({ url: intranet.at("api.test"), fromAnswer: true })).toMatchObject(blocked);
    // Now the name always says inside, and the host still counts as one of the internet.
    expect(await source.failure({ url: intranet.at("api.test"), fromAnswer: true })).toMatchObject(blocked);
    expect(intranet.requests).toHaveLength(0);
  });

  it("do not get a connection that was made without looking", async () => {
    using source = client({ "api.test": [outside, inside] }, [], intranet.at("api.test"));
    // The operator's own address may go anywhere, so this one does lead inside, and its connection is kept.
    await source.failure();
    expect(await source.text()).toBe("intranet");
    expect(await source.failure({ url: intranet.at("api.test", "/2"), fromAnswer: true })).toMatchObject(blocked);
    expect(intranet.requests).toHaveLength(1);
  });

  it("use the addresses on the internet where there are both", async () => {
    using source = client({ "api.test": [["127.0.0.1", "127.0.0.2"]] });
    expect(await source.text({ url: internet.at("api.test"), fromAnswer: true })).toBe("internet");
    expect(await source.failure({ url: intranet.at("api.test"), fromAnswer: true })).toMatchObject({ kind: "network" });
    expect(intranet.requests).toHaveLength(0);
  });

  it("are not asked where nobody knows whether they may be", async () => {
    using source = client({ "cdn.test": [outside] }, ["cdn.test"]);
    expect(await source.failure({ url: internet.at("cdn.test"), fromAnswer: true })).toMatchObject({ kind: "network" });
    expect(internet.requests).toHaveLength(0);
  });

  it("get no credentials unless they are the configured server's", async () => {
    const names = { "api.test": [outside], "cdn.test": [outside] };
    using source = client(names, ["cdn.test"]);
    const headers = { authorization: "hush-hush" };
    await source.text({ url: internet.at("cdn.test"), fromAnswer: true, headers });
    await source.text({ url: internet.at("api.test"), fromAnswer: true, headers });
    expect(internet.requests.map((request) => request.headers.authorization)).toEqual([undefined, "hush-hush"]);
  });
});
