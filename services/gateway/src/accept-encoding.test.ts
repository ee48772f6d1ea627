import { describe, expect, it } from "@jest/globals";
import { negotiateCoding } from "./accept-encoding.js";

describe("the coding of an answer", () => {
  it.each([
    [undefined, "identity", true],
    ["", "identity", true],
    ["gzip", "gzip", true],
    ["x-gzip", "gzip", true],
    ["GZIP", "gzip", true],
    ["gzip, deflate, br, zstd", "zstd", true],
    ["gzip, deflate, br", "br", true],
    ["br;q=0.5, gzip;q=0.8, zstd;q=0.1", "gzip", true],
    ["gzip;q=0.5, br ; q=1.0", "br", true],
    ["zstd;q=0, br;q=0, gzip", "gzip", true],
    ["identity, gzip;q=0.5", "identity", true],
    ["identity;q=0.5, gzip", "gzip", true],
    ["identity;q=0.5, gzip;q=0.5", "gzip", true],
    ["identity;q=0, gzip", "gzip", false],
    ["*;q=0, br", "br", false],
    ["*;q=0, identity, deflate", "identity", true],
    ["*", "gzip", true],
    ["*;q=0.5, br;q=0.1", "gzip", true],
    ["gzip;q=0, *", "identity", true],
    ["deflate", "identity", true],
    ["deflate, identity;q=0.1", "identity", true],
    ["gzip;q=2", "identity", true],
    ["gzip;q=0.0005", "identity", true],
    ["gzip;q=x, br", "br", true],
    [", ,gzip,", "gzip", true],
  ])("for %p is %s", (header, coding, plainToo) => {
    expect(negotiateCoding(header)).toEqual({ coding, plainToo });
  });

  it.each(["identity;q=0", "*;q=0", "deflate, identity;q=0", "gzip;q=0, identity;q=0, *"])(
    "does not exist for %p",
    (header) => {
      expect(negotiateCoding(header)).toBeUndefined();
    },
  );
});
