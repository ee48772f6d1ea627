import { describe, expect, it } from "@jest/globals";
import { hostAllowed } from "./allow-hosts.js";
import { asWritten, filledIn, interpolate, withoutSecrets } from "./interpolate.js";
import { nearest } from "./nearest.js";
import { isSecretName } from "./secret-names.js";
import { parseTime } from "./template-time.js";
import { formatDuration, formatSize, parseSignedDuration, parseSize } from "./units.js";

describe("sizes, durations, times", () => {
  it("reads and writes sizes", () => {
    expect(["64MB", "1GiB", "1000", "1.5KiB", "0"].map(parseSize)).toEqual([64e6, 2 ** 30, 1000, 1536, 0]);
    expect(["", "x", "5XB", "-1", "5 MB"].map(parseSize)).toEqual(Array.from({ length: 5 }, () => undefined));
    expect([1, 1024, 64 * 2 ** 20, 2 ** 40].map(formatSize)).toEqual(["1B", "1KiB", "64MiB", "1024GiB"]);
  });

  it("reads and writes durations", () => {
    expect(["-1h", "+5s", "10ms", "1"].map(parseSignedDuration)).toEqual([-3_600_000, 5000, 10, undefined]);
    expect([500, 1500, 60_000, 86_400_000].map(formatDuration)).toEqual(["500ms", "1500ms", "1m", "1d"]);
  });

  it("reads times; without a zone they are UTC", () => {
    const at = Date.parse("2020-01-02T03:04:05Z");
    for (const text of ["2020-01-02T03:04:05", "2020-01-02 05:04:05+0200", String(at / 1000), String(at)]) {
      expect(parseTime(text)).toBe(at);
    }
    expect(parseTime("5", "unix_ms")).toBe(5);
    expect(["yesterday", "2020-13-01", "1e99", ""].map((text) => parseTime(text))).toEqual(
      Array.from({ length: 4 }, () => undefined),
    );
  });
});

describe("words", () => {
  it("finds what was meant", () => {
    expect(nearest("intervall", ["interval", "id"])).toBe("interval");
    expect(nearest("xyz", ["interval", "id"])).toBeUndefined();
  });

  it("knows the names of secrets", () => {
    expect(["API_KEY", "accessToken", "X-Auth", "password", "Authorization", "sig"].every(isSecretName)).toBe(true);
    expect(["author", "monkey", "design", "page", "since"].some(isSecretName)).toBe(false);
  });

  it("compares hosts", () => {
    const allowed = ["cdn.test", "*.x.test"];
    expect(["CDN.test", "a.x.test", "b.a.x.test."].every((host) => hostAllowed(host, allowed))).toBe(true);
    expect(["x.test", "acdn.test", "ax.test", "a.cdn.test"].some((host) => hostAllowed(host, allowed))).toBe(false);
  });
});

describe("variables", () => {
  const lookup = (name: string): string | undefined => ({ HOST: "x.test", API_KEY: "hush" })[name];

  it("are filled in, and kept apart", () => {
    const { pieces, problems } = interpolate("https://${HOST}/${API_KEY}/${NO:-a:-b}/${NONE:-}$${HOST}", lookup);
    expect(problems).toEqual([]);
    expect(filledIn(pieces)).toBe("https://x.test/hush/a:-b/${HOST}");
    expect(asWritten(pieces)).toBe("https://${HOST}/${API_KEY}/${NO}/${NONE}${HOST}");
    expect(withoutSecrets(pieces)).toBe("https://x.test/${API_KEY}/a:-b/${HOST}");
  });

  it("that are not there are said", () => {
    expect(interpolate("${A} ${B} $5 ${x", lookup).problems).toEqual([
      "the variable A is not set; set it, or write ${A:-default}",
      "the variable B is not set; set it, or write ${B:-default}",
      "has a ${ that is no variable; write ${NAME} or ${NAME:-default}, and $${ for a ${ that stays",
    ]);
  });
});
