import { describe, expect, it } from "@jest/globals";
import { hexDump } from "./hex.js";

describe("bytes that are no text", () => {
  it("are shown sixteen a line, with what can be printed", () => {
    const bytes = Uint8Array.from({ length: 18 }, (_, i) => (i === 0 ? 0xff : 0x40 + i));
    expect(hexDump(bytes)).toBe(
      "000000  ff 41 42 43 44 45 46 47 48 49 4a 4b 4c 4d 4e 4f  .ABCDEFGHIJKLMNO\n" +
        `000010  50 51${" ".repeat(42)}  PQ`,
    );
    expect(hexDump(new Uint8Array())).toBe("");
  });
});
