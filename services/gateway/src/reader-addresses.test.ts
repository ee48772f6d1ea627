import { afterEach, describe, expect, it } from "@jest/globals";
import { ConfigError, EnvReader } from "@apispool/common/env.js";
import { silentLogger } from "@apispool/common/logger.js";
import { ReaderAddresses, type Resolve, placeOf, readerPlacesFromEnv } from "./reader-addresses.js";
import { eventually } from "./testing/harness.js";

describe("READER_ADDRESSES", () => {
  const read = (env: Record<string, string>) => {
    const reader = new EnvReader(env);
    const places = readerPlacesFromEnv(reader);
    reader.done();
    return places;
  };

  it("is a list of addresses and of names to look up; READER_ADDRESS does for one", () => {
    expect(read({})).toEqual([{ kind: "address", address: "127.0.0.1:50052" }]);
    expect(read({ READER_ADDRESS: "reader:50052" })).toEqual([{ kind: "address", address: "reader:50052" }]);
    const READER_ADDRESSES = "10.0.0.1:1, [::1]:2 ,dns:reader.svc:50052";
    expect(read({ READER_ADDRESSES, READER_ADDRESS: "0.0.0.0:9" })).toEqual([
      { kind: "address", address: "10.0.0.1:1" },
      { kind: "address", address: "[::1]:2" },
      { kind: "dns", host: "reader.svc", port: 50_052 },
    ]);
  });

  it.each([
    ["reader", '"reader" is neither an address (host:port) nor a name to look up (dns:host:port)'],
    ["a:1,,b:2", '"" is neither'],
    ["dns:reader", '"dns:reader" is neither'],
    ["dns:[::1]:5", '"dns:[::1]:5" is neither'],
    ["a:70000", '"a:70000" is neither'],
    ["a:1,b:2,a:1", '"a:1" is named twice'],
  ])("says what is wrong with %s", (READER_ADDRESSES, text) => {
    expect(() => read({ READER_ADDRESSES })).toThrow(ConfigError);
    expect(() => read({ READER_ADDRESSES })).toThrow(`READER_ADDRESSES: ${text}`);
  });
});

describe("addresses from DNS", () => {
  const told: (readonly string[])[] = [];
  let watched: ReaderAddresses | undefined;
  const watch = (texts: readonly string[], resolve?: Resolve, everyMs = 20): ReaderAddresses => {
    told.length = 0;
    const places = texts.map((text) => placeOf(text)).filter((place) => place !== undefined);
    watched = new ReaderAddresses({
      places,
      log: silentLogger,
      resolve,
      everyMs,
      onChange: (addresses) => told.push(addresses),
    });
    return watched;
  };
  afterEach(() => watched?.stop());

  it("follows what a name has, of either family, beside addresses that stay", async () => {
    let there = ["10.0.0.2", "10.0.0.1", "10.0.0.1"];
    watch(["fixed:7", "dns:reader:50052"], async () => there);
    expect(told).toEqual([["fixed:7"]]);
    await eventually(() => told.length === 2);
    expect(told[1]).toEqual(["10.0.0.1:50052", "10.0.0.2:50052", "fixed:7"]);
    there = ["fd00::3", "10.0.0.2"];
    await eventually(() => told.length === 3);
    expect(told[2]).toEqual(["10.0.0.2:50052", "[fd00::3]:50052", "fixed:7"]);
  });

  it("keeps what it knows while nobody can be asked", async () => {
    let failures = 0;
    let answer: () => Promise<string[]> = async () => ["10.0.0.1"];
    watch(["dns:reader:1"], async () => answer());
    await eventually(() => told.length === 1);
    answer = async () => {
      failures += 1;
      throw new Error("SERVFAIL");
    };
    await eventually(() => failures > 2);
    expect(told).toEqual([["10.0.0.1:1"]]);
    answer = async () => ["10.0.0.9"];
    await eventually(() => told.length === 2);
    expect(told[1]).toEqual(["10.0.0.9:1"]);
  });

  it("looks up soon when somebody is in doubt", async () => {
    let asked = 0;
    const addresses = watch(["dns:reader:1"], async () => [`10.0.0.${(asked += 1)}`], 3_600_000);
    await eventually(() => told.length === 1);
    for (let i = 0; i < 10; i += 1) addresses.doubt();
    await eventually(() => told.length === 2);
    expect(asked).toBe(2);
  });

  it("asks the system unless told otherwise", async () => {
    watch(["dns:localhost:50052"]);
    await eventually(() => told.length === 1);
    expect(told[0]?.some((address) => ["127.0.0.1:50052", "[::1]:50052"].includes(address))).toBe(true);
  });
});
